// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/fair_shard.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "drama/sched/fair_queue.hpp"

namespace drama {
namespace {

constexpr instant start = instant(1s);

struct item : work_item {
    item(int number_in, work_class cls_in) : number(number_in) { cls = cls_in; }
    int number;
};

/// A tenant with a lane set in each of two shards.
struct tenant {
    explicit tenant(double weight, latency setting) : share(weight, setting) {}
    tenant_share share;
    lane_set lanes{share};
    lane_set lanes_at_1{share};
};

/// A queue of one or two shards, driven by hand; drained before its tenants die.
struct bench {
    explicit bench(policy order = policy::fair, std::size_t shards = 1)
        : queue(order, shards, queue_id::async) {}
    ~bench() {
        for (std::size_t i = 0; i != queue.shard_count(); ++i) {
            while (run_one(1us, i) != -1) {
            }
        }
    }

    tenant& add(double weight = 1, latency setting = latency::normal) {
        return tenants.emplace_back(weight, setting);
    }
    bool push(lane_set& lanes, work_class cls = work_class::read, std::size_t at = 0) {
        return queue.shard(at).push(lanes, items.emplace_back(next_number++, cls), now);
    }
    int pop(lane_set& lanes, std::size_t at = 0) {
        work_item* got = queue.shard(at).pop(lanes, now);
        return got == nullptr ? -1 : static_cast<item*>(got)->number;
    }
    /// Runs one item for `cost` as a turn of its own; returns its number, or -1 if there is none.
    int run_one(duration cost, std::size_t at = 0) {
        const turn t = queue.shard(at).pick(now);
        if (!t) {
            return -1;
        }
        const int number = pop(*t.lanes, at);
        now += cost;
        queue.shard(at).settle(*t.lanes, cost, now);
        return number;
    }

    std::deque<item> items;
    std::deque<tenant> tenants;
    fair_queue queue;
    fair_shard& shard = queue.shard(0);
    instant now = start;
    int next_number = 0;
};

TEST(FairShard, EmptyShardPicksNothing) {
    bench b;

    EXPECT_FALSE(b.shard.pick(b.now));
    EXPECT_EQ(b.shard.size(), 0U);
    EXPECT_EQ(b.shard.earliest_deadline(), no_deadline);
    EXPECT_EQ(b.shard.steal_candidate(b.now), nullptr);
}

TEST(FairShard, OneTenantRunsInOrderAndLeavesNothingInTheSums) {
    bench b;
    tenant& a = b.add();
    b.push(a.lanes);
    b.push(a.lanes);

    const turn t = b.shard.pick(b.now);

    ASSERT_EQ(t.lanes, &a.lanes);
    EXPECT_EQ(t.ends, b.now + quantum);
    EXPECT_EQ(b.pop(a.lanes), 0);
    EXPECT_EQ(b.pop(a.lanes), 1);
    EXPECT_EQ(b.pop(a.lanes), -1);
    b.shard.settle(a.lanes, 10us, b.now + 10us);
    EXPECT_EQ(a.share.service(), 10'000 * virtual_units_per_ns);
    EXPECT_EQ(b.shard.members(), 0U);
    EXPECT_EQ(b.queue.sums().weight, 0);
    EXPECT_EQ(b.queue.sums().moment, 0U);
}

TEST(FairShard, FifoServesInOrderOfArrivalWhateverTheTenantAndClass) {
    bench b(policy::fifo);
    tenant& a = b.add();
    tenant& c = b.add();
    b.push(a.lanes, work_class::accept);
    b.push(c.lanes, work_class::write);
    b.push(a.lanes, work_class::write);
    b.push(a.lanes, work_class::read);

    EXPECT_EQ(b.run_one(10us), 0);
    EXPECT_EQ(b.run_one(10us), 1);
    const turn t = b.shard.pick(b.now);
    EXPECT_EQ(b.pop(*t.lanes), 2);
    EXPECT_EQ(b.pop(*t.lanes), 3);
    b.shard.settle(*t.lanes, 20us, b.now);
    EXPECT_EQ(a.share.service(), 30'000 * virtual_units_per_ns);
    EXPECT_EQ(c.share.service(), 10'000 * virtual_units_per_ns);
}

}  // namespace
}  // namespace drama
