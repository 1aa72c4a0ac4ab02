// SPDX-License-Identifier: Apache-2.0
// Tenants that had more than theirs, here or elsewhere: where they stand, and who waits for it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "drama/sched/fair_queue.hpp"
#include "drama/sched/testing/shard_bench.hpp"

namespace drama {
namespace {

using namespace shard_tests;

TEST(FairShardDebts, TenantThatLeftAheadStaysAheadWhenItReturns) {
    bench b;
    tenant& greedy = b.add();
    std::vector<tenant*> others = {&b.add(), &b.add(), &b.add()};
    for (tenant* each : others) {
        for (int i = 0; i != 100; ++i) {
            b.push(each->lanes);
        }
    }
    b.push(greedy.lanes, work_class::write);
    while (greedy.share.service() == 0) {
        b.run_one(300us);
    }
    const virtual_time left_at = greedy.share.position(queue_id::async);
    EXPECT_EQ(greedy.lanes.size(), 0U);

    b.push(greedy.lanes, work_class::write);

    EXPECT_EQ(greedy.share.position(queue_id::async), left_at);
    EXPECT_GT(gap(left_at, b.queue.clock().at(b.now)), 0);
    const turn t = b.shard.pick(b.now);
    EXPECT_NE(t.lanes, &greedy.lanes);
    b.shard.settle(*t.lanes, 1us, b.now);
}

TEST(FairShardDebts, ServiceChargedElsewhereMovesATenantBack) {
    bench b;
    tenant& a = b.add();
    tenant& c = b.add();
    b.push(a.lanes);  // 0
    b.push(c.lanes);  // 1

    a.share.charge(30ms);

    EXPECT_EQ(b.run_one(1us), 1);
    EXPECT_EQ(b.run_one(1us), 0) << "work conserving: it borrows";
    EXPECT_EQ(b.queue.sums().weight, 0);
    EXPECT_EQ(b.queue.sums().moment, 0U);
}

TEST(FairShardDebts, WhoJoinsWhileTheClockRanAheadOfAllStandsAmongThem) {
    bench b(policy::fair, 2);
    tenant& busy = b.add();
    tenant& light = b.add();
    for (int i = 0; i != 10; ++i) {
        b.push(busy.lanes);
    }
    b.run_one(10us);
    b.queue.maybe_update(b.now += clock_period);
    // Nobody is served for a while, and the clock does not know yet.
    b.now += clock_period - 100us;
    ASSERT_GT(gap(b.queue.clock().at(b.now), busy.share.position(queue_id::async)),
              to_virtual(500us, fixed_weight_one));

    b.push(light.lanes_at_1, work_class::read, 1);

    EXPECT_EQ(light.share.position(queue_id::async), busy.share.position(queue_id::async));
}

TEST(FairShardDebts, WhoIsFarAheadDoesNotPullTheClockAwayFromTheOthers) {
    bench b;
    std::vector<tenant*> all = {&b.add(), &b.add(), &b.add()};
    for (tenant* each : all) {
        for (int i = 0; i != 2'000; ++i) {
            b.push(each->lanes);
        }
    }
    for (int i = 0; i != 100; ++i) {
        b.run_one(50us);
        all[0]->share.charge(400us);  // for something else, all the time
    }
    ASSERT_EQ(b.queue.sums().weight, 2 * fixed_weight_one);
    for (std::size_t i = 1; i != 3; ++i) {
        const virtual_span ahead =
            gap(all[i]->share.position(queue_id::async), b.queue.clock().at(b.now));
        EXPECT_LE(std::abs(ahead), to_virtual(150us, fixed_weight_one));
    }
    EXPECT_GT(gap(all[0]->share.position(queue_id::async), b.queue.clock().at(b.now)),
              to_virtual(20ms, fixed_weight_one));
    // Who joins waits for nobody that had no more than others.
    tenant& newcomer = b.add(1, latency::low);
    b.push(newcomer.lanes);
    for (int turns = 0; newcomer.lanes.size() != 0; ++turns) {
        ASSERT_LE(turns, 4);
        b.run_one(50us);
    }
    // It has its turn when the others have had as much, and is a member then.
    for (int i = 0; i != 3'500; ++i) {
        b.run_one(50us);
    }
    EXPECT_LT(all[0]->lanes.size(), 1'900U);
    EXPECT_EQ(b.queue.sums().weight, 3 * fixed_weight_one);
}

TEST(FairShardDebts, WhoIsFarAheadStaysThereOnEveryCore) {
    bench b(policy::fair, 2);
    tenant& greedy = b.add();
    tenant& other = b.add();
    for (int i = 0; i != 100; ++i) {
        b.push(greedy.lanes);
        b.push(other.lanes);
    }
    while (greedy.share.service() == 0) {
        b.run_one(50us);
    }
    greedy.share.charge(50ms);
    while (b.queue.sums().weight == 2 * fixed_weight_one) {
        b.run_one(50us);  // it is found to be far ahead
    }
    ASSERT_NE(greedy.lanes.size(), 0U);
    ASSERT_NE(other.lanes.size(), 0U);
    const virtual_time stands = greedy.share.position(queue_id::async);

    b.push(greedy.lanes_at_1, work_class::read, 1);

    EXPECT_EQ(greedy.share.position(queue_id::async), stands) << "another core forgives nothing";
    EXPECT_EQ(b.queue.sums().weight, fixed_weight_one);
    b.run_one(50us, 1);  // work conserving: it borrows
    EXPECT_EQ(greedy.lanes_at_1.size(), 0U);
    EXPECT_EQ(b.queue.sums().weight, fixed_weight_one);
}

TEST(FairShardDebts, WhereThereAreNoOthersADebtIsForgivenDownToWhatOneMayJoinWith) {
    bench b;
    tenant& alone = b.add();
    for (int i = 0; i != 40; ++i) {
        b.push(alone.lanes);
    }
    b.run_one(50us);
    alone.share.charge(1s);
    b.run_one(50us);
    b.run_one(50us);
    EXPECT_EQ(b.queue.sums().weight, fixed_weight_one);
    EXPECT_LE(gap(alone.share.position(queue_id::async), b.queue.clock().at(b.now)),
              to_virtual(slice_max * debt_slices_max, fixed_weight_one));
}

TEST(FairShardDebts, TenantsFarAheadBorrowInOrderUpToAPartOfTheirLead) {
    bench b;
    for (int i = 0; i != 100; ++i) {
        tenant& each = b.add();
        b.push(each.lanes, work_class::write);
        each.share.charge(10ms * (100 - i));
    }

    for (int i = 0; i != 100; ++i) {
        EXPECT_NEAR(b.run_one(1us), 99 - i, 2);
    }
}

}  // namespace
}  // namespace drama
