// SPDX-License-Identifier: Apache-2.0
// The laws of arrival: counts, gaps, and that a seed decides.
#include "load/arrivals.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace drama::cli {
namespace {

std::vector<duration> first(std::size_t count, const arrival_options& options) {
    arrival_schedule schedule(options);
    std::vector<duration> list;
    for (std::size_t i = 0; i < count; ++i) {
        list.push_back(schedule.next());
    }
    return list;
}

TEST(Arrivals, FixedOnesAreEvenlySpacedAndDoNotDrift) {
    const auto list = first(1'000'001, {.law = arrival_law::fixed, .per_second = 3});

    EXPECT_EQ(list[0], 0ns);
    EXPECT_EQ(list[1], 333'333'333ns);
    EXPECT_EQ(list[3], 1s);
    EXPECT_EQ(list[999'999], 333'333s);
}

TEST(Arrivals, BurstsComeTogetherAtTheSameRate) {
    const auto list = first(9, {.law = arrival_law::bursts, .per_second = 100, .burst = 4});

    const std::vector<duration> want{0ms, 0ms, 0ms, 0ms, 40ms, 40ms, 40ms, 40ms, 80ms};
    EXPECT_EQ(list, want);
}

TEST(Arrivals, TheSeedDecidesThePoissonOnes) {
    const arrival_options seven{.law = arrival_law::poisson, .per_second = 1000, .seed = 7};
    arrival_options eight = seven;
    eight.seed = 8;

    EXPECT_EQ(first(1000, seven), first(1000, seven));
    EXPECT_NE(first(1000, seven), first(1000, eight));
}

// The gaps of a Poisson process: mean and standard deviation are both 1 / rate, and a share of
// exp(-1) is longer than that.
TEST(Arrivals, PoissonGapsAreExponential) {
    constexpr std::size_t count = 200'000;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        SCOPED_TRACE(seed);
        const auto list =
            first(count, {.law = arrival_law::poisson, .per_second = 1000, .seed = seed});
        double sum = 0;
        double squares = 0;
        std::size_t longer = 0;
        duration before{};
        for (const duration each : list) {
            ASSERT_GE(each, before);
            const double gap_ms = static_cast<double>((each - before).count()) / 1e6;
            sum += gap_ms;
            squares += gap_ms * gap_ms;
            longer += gap_ms > 1 ? 1 : 0;
            before = each;
        }
        const double mean = sum / count;
        EXPECT_NEAR(mean, 1, 0.01);
        EXPECT_NEAR(std::sqrt(squares / count - mean * mean), 1, 0.02);
        EXPECT_NEAR(static_cast<double>(longer) / count, std::exp(-1.0), 0.01);
    }
}

}  // namespace
}  // namespace drama::cli
