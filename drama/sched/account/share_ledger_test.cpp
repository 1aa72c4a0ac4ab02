// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/account/share_ledger.hpp"

#include <gtest/gtest.h>

#include <array>

namespace drama {
namespace {

class Ledger : public ::testing::Test {
  protected:
    duration paid() const { return duration(share.service() / virtual_units_per_ns * weight()); }
    std::int64_t weight() const { return share.weight() / fixed_weight_one; }

    share_groups groups;
    share_ledger ledger{groups};
    accounted_share share{1};
    instant now = instant(1s);
};

TEST_F(Ledger, OnlyTheDominantResourceIsPaidWithinAnEpoch) {
    ledger.join(share);
    ledger.charge(share, resource::disk, 3ms, now);
    ledger.charge(share, resource::cpu, 1ms, now + 1ms);
    ledger.charge(share, resource::cpu, 1ms, now + 2ms);
    EXPECT_EQ(paid(), 3ms);

    ledger.charge(share, resource::cpu, 2ms, now + 3ms);  // 4 ms now: one more than of the disk
    EXPECT_EQ(paid(), 4ms);
    ledger.leave(share);
}

// Packets of <1, 2> and <2, 1> in turn, two an epoch: each costs 1.5, not 2.
TEST_F(Ledger, OppositeUsesDovetailWithinAnEpoch) {
    ledger.join(share);
    for (int epoch = 0; epoch != 10; ++epoch) {
        for (const bool first : {true, false}) {
            ledger.charge(share, resource::cpu, first ? 1ms : 2ms, now);
            ledger.charge(share, resource::net, first ? 2ms : 1ms, now);
        }
        now += share_ledger::epoch;
    }
    EXPECT_EQ(paid(), 20 * 1500us);
    ledger.leave(share);
}

TEST_F(Ledger, NothingIsRememberedAcrossEpochs) {
    ledger.join(share);
    ledger.charge(share, resource::disk, 3ms, now);
    ledger.charge(share, resource::cpu, 3ms, now + share_ledger::epoch);
    EXPECT_EQ(paid(), 6ms);
    ledger.leave(share);
}

TEST_F(Ledger, SharesOfResourcesAreWeighedByTheirServers) {
    ledger.set_capacity(resource::cpu, 4);
    ledger.set_capacity(resource::disk, 1);
    ledger.join(share);
    ledger.charge(share, resource::disk, 1ms, now);  // all of the disk is as good as four cpus
    EXPECT_EQ(paid(), 4ms);
    ledger.leave(share);
}

TEST_F(Ledger, PriceFollowsWhetherAnybodyWaitsAndStrictModeHasNone) {
    share_ledger priced(groups, share_ledger::mode::priced);
    for (int i = 0; i != 1'000; ++i) {
        priced.observe(resource::disk, false, 1ms);
        ledger.observe(resource::disk, false, 1ms);
    }
    EXPECT_EQ(priced.price(resource::disk), share_ledger::price_min);
    EXPECT_EQ(ledger.price(resource::disk), 1);
    for (int i = 0; i != 1'000; ++i) {
        priced.observe(resource::disk, true, 1ms);
    }
    EXPECT_NEAR(priced.price(resource::disk), 1, 0.001);
}

}  // namespace
}  // namespace drama
