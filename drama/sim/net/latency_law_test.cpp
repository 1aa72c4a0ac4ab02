// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/latency_law.hpp"

#include <gtest/gtest.h>

#include "drama/sim/seed.hpp"

namespace drama {
namespace {

TEST(LatencyLaw, HasTheTailThatItNames) {
    prng random(seed_or(5));
    const auto law = heavy_tail(100us, 10ms);
    int typical = 0;
    int worst = 0;
    for (int i = 0; i < 10'000; ++i) {
        const duration drawn(law.draw_ns(random));
        ASSERT_GE(drawn, 100us);
        ASSERT_LE(drawn, 10ms);
        typical += drawn < 200us ? 1 : 0;
        worst += drawn > 5ms ? 1 : 0;
    }
    EXPECT_NEAR(typical, 5'000, 300);
    EXPECT_GT(worst, 50);
    EXPECT_EQ(fixed(7us).draw_ns(random), 7'000);
}

TEST(LatencyLaw, HasTwoHumpsAndNothingBetween) {
    prng random(seed_or(5));
    const auto law = bimodal(1ms, 80ms, 0.1);
    int slow = 0;
    for (int i = 0; i < 10'000; ++i) {
        const duration drawn(law.draw_ns(random));
        ASSERT_TRUE(drawn == 1ms || drawn == 80ms);
        slow += drawn == 80ms ? 1 : 0;
    }
    EXPECT_NEAR(slow, 1'000, 150);
}

}  // namespace
}  // namespace drama
