// SPDX-License-Identifier: Apache-2.0
// Results add up, and survive the way between processes.
#include "load/load_result.hpp"

#include <gtest/gtest.h>

namespace drama::cli {
namespace {

load_result some(std::uint64_t factor) {
    load_result made;
    made.intended = 10 * factor;
    made.answered = 4 * factor;
    made.in_time = 3 * factor;
    made.dropped = factor;
    made.unfinished = factor;
    made.errors[0] = factor;
    made.errors[2] = 2 * factor;
    made.connects = 5 * factor;
    made.refused = 6 * factor;
    made.unopened = 7 * factor;
    made.connect_errno = factor;
    made.span_ns = 1'000'000'000 * factor;
    made.bad_status[503] = factor;
    made.latency_ns.record(1000 * factor);
    made.late_ns.record(factor);
    return made;
}

void expect_same(const load_result& one, const load_result& other) {
    EXPECT_EQ(bytes_of({one}), bytes_of({other}));
}

TEST(LoadResult, MergingAddsCountsAndKeepsTheLongestSpan) {
    load_result sum = some(1);
    load_result other = some(2);
    other.bad_status[404] = 9;

    sum.merge(other);

    EXPECT_EQ(sum.intended, 30U);
    EXPECT_EQ(sum.answered, 12U);
    EXPECT_EQ(sum.dropped, 3U);
    EXPECT_EQ(sum.unfinished, 3U);
    EXPECT_EQ(sum.errors[0], 3U);
    EXPECT_EQ(sum.errors[1], 0U);
    EXPECT_EQ(sum.errors[2], 6U);
    EXPECT_EQ(sum.connects, 15U);
    EXPECT_EQ(sum.refused, 18U);
    EXPECT_EQ(sum.unopened, 21U);
    EXPECT_EQ(sum.span_ns, 2'000'000'000U);
    EXPECT_EQ(sum.bad_status.at(503), 3U);
    EXPECT_EQ(sum.bad_answers(), 12U);
    EXPECT_EQ(sum.failed(), 21U);
    EXPECT_EQ(sum.per_second(), 4.5);
    EXPECT_EQ(sum.latency_ns.count(), 2U);
    EXPECT_EQ(sum.late_ns.max(), 2U);
}

TEST(LoadResult, BytesAreReadAsTheSameResults) {
    const std::vector<load_result> two{some(1), some(2)};

    const auto again = results_in(bytes_of(two), 2);

    ASSERT_TRUE(again);
    expect_same((*again)[0], two[0]);
    expect_same((*again)[1], two[1]);
}

TEST(LoadResult, BytesOfOtherNumbersOfResultsAreRefused) {
    const std::string bytes = bytes_of({some(1), some(2)});

    EXPECT_FALSE(results_in(bytes, 1));
    EXPECT_FALSE(results_in(bytes, 3));
    for (std::size_t size = 0; size < bytes.size(); size += 8) {
        EXPECT_FALSE(results_in(bytes.substr(0, size), 2)) << size;
    }
}

}  // namespace
}  // namespace drama::cli
