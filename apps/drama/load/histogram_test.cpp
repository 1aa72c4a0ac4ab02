// SPDX-License-Identifier: Apache-2.0
// The histogram against sorted lists of what was recorded.
#include "load/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "drama/base/prng.hpp"

namespace drama::cli {
namespace {

std::uint64_t exact(const std::vector<std::uint64_t>& sorted, double share) {
    const auto rank =
        static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

TEST(Histogram, AnEmptyOneSaysZero) {
    const histogram none;

    EXPECT_EQ(none.count(), 0U);
    EXPECT_EQ(none.at(0.5), 0U);
    EXPECT_EQ(none.min(), 0U);
    EXPECT_EQ(none.max(), 0U);
    EXPECT_EQ(none.mean(), 0);
}

TEST(Histogram, SmallValuesAreExact) {
    for (std::uint64_t value = 0; value < 2048; ++value) {
        histogram one;
        one.record(value);
        one.record(5000);
        ASSERT_EQ(one.at(0.5), value);
    }
}

// Both ends of every bucket, over the whole range: at() of the lower of two values is never below
// it, and less than a thousandth above.
TEST(Histogram, EveryValueIsKeptToThreeDigits) {
    prng random(7);
    for (unsigned bits = 1; bits < 42; ++bits) {
        for (int i = 0; i < 200; ++i) {
            const std::uint64_t value =
                (std::uint64_t{1} << bits) + random.below(std::uint64_t{1} << bits);
            histogram two;
            two.record(value);
            two.record(histogram::value_max);
            const std::uint64_t got = two.at(0.5);
            ASSERT_GE(got, value);
            ASSERT_LT(static_cast<double>(got - value), static_cast<double>(value) / 1000);
        }
    }
}

TEST(Histogram, PercentilesAreThoseOfTheSortedValues) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        prng random(seed);
        histogram counted;
        std::vector<std::uint64_t> all;
        for (int i = 0; i < 5000; ++i) {
            // From 1 us to 1 s, as many in each decade.
            const double value = 1000 * std::pow(10.0, 6 * random.unit());
            all.push_back(static_cast<std::uint64_t>(value));
            counted.record(all.back());
        }
        std::sort(all.begin(), all.end());
        for (const double share : {0.0001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
            const auto want = static_cast<double>(exact(all, share));
            const auto got = static_cast<double>(counted.at(share));
            ASSERT_GE(got, want);
            ASSERT_LT(got, want * 1.001);
        }
        EXPECT_EQ(counted.at(0), all.front());
        EXPECT_EQ(counted.at(1), all.back());
        EXPECT_EQ(counted.min(), all.front());
        EXPECT_EQ(counted.max(), all.back());
    }
}

TEST(Histogram, LargerValuesCountAsTheLargest) {
    histogram large;
    large.record(UINT64_MAX);

    EXPECT_EQ(large.max(), histogram::value_max);
    EXPECT_EQ(large.at(0.5), histogram::value_max);
}

TEST(Histogram, MergingIsRecordingInOne) {
    prng random(3);
    histogram one;
    histogram low;
    histogram high;
    for (int i = 0; i < 3000; ++i) {
        const std::uint64_t value = random.below(i % 2 == 0 ? 1000 : 100'000'000);
        one.record(value);
        (i % 2 == 0 ? low : high).record(value);
    }

    low.merge(high);
    low.merge(histogram());

    EXPECT_EQ(low.count(), one.count());
    EXPECT_EQ(low.min(), one.min());
    EXPECT_EQ(low.max(), one.max());
    EXPECT_EQ(low.mean(), one.mean());
    for (int i = 0; i <= 1000; ++i) {
        ASSERT_EQ(low.at(i / 1000.0), one.at(i / 1000.0));
    }
}

TEST(Histogram, WhatIsWrittenIsReadAgainInOrder) {
    histogram first;
    histogram second;
    for (std::uint64_t value = 1; value < 3'000'000'000; value *= 3) {
        first.record(value);
    }
    second.record(42);
    std::vector<std::uint64_t> words;
    first.write(words);
    second.write(words);

    std::span<const std::uint64_t> rest = words;
    const auto first_again = histogram::read(rest);
    const auto second_again = histogram::read(rest);

    ASSERT_TRUE(first_again && second_again);
    EXPECT_TRUE(rest.empty());
    EXPECT_EQ(first_again->count(), first.count());
    EXPECT_EQ(first_again->mean(), first.mean());
    EXPECT_EQ(first_again->at(0.3), first.at(0.3));
    EXPECT_EQ(second_again->max(), 42U);
}

TEST(Histogram, WordsThatAreCutOffAreRefused) {
    histogram some;
    some.record(1);
    some.record(1'000'000);
    std::vector<std::uint64_t> words;
    some.write(words);
    for (std::size_t size = 0; size < words.size(); ++size) {
        std::span<const std::uint64_t> cut(words.data(), size);
        EXPECT_FALSE(histogram::read(cut)) << size;
    }
    words[4] = UINT64_MAX;  // a bucket that does not exist
    std::span<const std::uint64_t> wrong = words;
    EXPECT_FALSE(histogram::read(wrong));
}

}  // namespace
}  // namespace drama::cli
