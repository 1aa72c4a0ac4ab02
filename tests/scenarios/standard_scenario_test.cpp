// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/standard_scenario.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "drama/sim/carrier_threads.hpp"

namespace drama::scenarios {
namespace {

constexpr std::uint64_t seeds = 40;

TEST(StandardScenario, HoldsAndReplaysForManySeeds) {
    carrier_threads carriers;
    const std::uint64_t first = seed_or(1);
    std::vector<std::uint64_t> hashes;
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
        const outcome once = run_standard(seed, {.carriers = &carriers});
        ASSERT_EQ(once.fault, "") << replay_line(seed);
        const outcome again = run_standard(seed, {.carriers = &carriers});
        ASSERT_EQ(once.hash, again.hash) << replay_line(seed);
        hashes.push_back(once.hash);
    }

    std::ranges::sort(hashes);
    EXPECT_EQ(std::ranges::unique(hashes).size(), 0U) << "different seeds, the same run";
}

TEST(StandardScenario, ReplaysOnOtherOsThreads) {
    carrier_threads carriers;
    const std::uint64_t seed = seed_or(7);

    const outcome once = run_standard(seed, {.carriers = &carriers, .keep_events = true});
    const outcome again = run_standard(seed, {.keep_events = true});

    EXPECT_EQ(first_difference(once.kept, again.kept), "") << replay_line(seed);
    EXPECT_GT(once.kept.size(), 100U);
}

}  // namespace
}  // namespace drama::scenarios
