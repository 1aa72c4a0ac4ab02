// SPDX-License-Identifier: Apache-2.0
#include "replay/run/fluid.hpp"

#include <gtest/gtest.h>

namespace drama::cli {
namespace {

TEST(Fluid, BackloggedTenantsShareServersByWeight) {
    fluid ideal(4, {1, 3});
    ideal.set_backlogged(0, true, long_ago);
    ideal.set_backlogged(1, true, long_ago);

    ideal.advance(long_ago + 1s);

    EXPECT_NEAR(ideal.service(0), 1e9, 1);
    EXPECT_NEAR(ideal.service(1), 3e9, 1);
    EXPECT_NEAR(ideal.rate(0), 1, 1e-9);
}

TEST(Fluid, WorkThatEndsLeavesTheRestToOthers) {
    fluid ideal(1, {1, 1});
    ideal.set_backlogged(0, true, long_ago);
    ideal.arrive(1, 100ms, long_ago);

    ideal.advance(long_ago + 1s);

    EXPECT_NEAR(ideal.service(1), 1e8, 1);
    EXPECT_NEAR(ideal.service(0), 9e8, 1);
}

TEST(Fluid, WorkQueuesBehindItsTenantsOwn) {
    fluid ideal(1, {1, 1});
    ideal.arrive(0, 10ms, long_ago);
    ideal.arrive(0, 10ms, long_ago);
    ideal.arrive(1, 10ms, long_ago);

    ideal.advance(long_ago + 20ms);
    EXPECT_NEAR(ideal.service(0), 1e7, 1);
    EXPECT_NEAR(ideal.service(1), 1e7, 1);
    ideal.advance(long_ago + 1s);
    EXPECT_NEAR(ideal.service(0), 2e7, 1);
}

TEST(Fluid, WhoIsNoLongerBackloggedGetsNoMore) {
    fluid ideal(1, {1});
    ideal.set_backlogged(0, true, long_ago);
    ideal.set_backlogged(0, false, long_ago + 1s);

    ideal.advance(long_ago + 9s);

    EXPECT_NEAR(ideal.service(0), 1e9, 1);
}

}  // namespace
}  // namespace drama::cli
