// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/fair_shard.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/sched/fair_queue.hpp"
#include "drama/sched/testing/shard_bench.hpp"

namespace drama {
namespace {

using namespace shard_tests;

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

TEST(FairShard, AWriteBehindAThousandAcceptsIsNext) {
    bench b;
    tenant& a = b.add();
    for (int i = 0; i != 1000; ++i) {
        b.push(a.lanes, work_class::accept);
        b.now += 5us;
    }
    const turn t = b.shard.pick(b.now);
    EXPECT_EQ(b.pop(a.lanes), 0);  // it is running when the write completes
    b.push(a.lanes, work_class::write);

    EXPECT_EQ(b.pop(a.lanes), 1000);
    EXPECT_EQ(b.pop(a.lanes), 1);
    b.shard.settle(*t.lanes, 10us, b.now);
}

TEST(FairShard, WithoutClassOrderATenantsWorkGoesInTheOrderOfArrival) {
    bench b;
    b.queue.set_class_order(false);
    tenant& a = b.add();
    tenant& other = b.add();
    b.push(a.lanes, work_class::accept);
    b.push(a.lanes, work_class::write);
    b.push(other.lanes, work_class::write);

    EXPECT_EQ(a.lanes.deadline(), other.lanes.deadline()) << "nor do classes count between tenants";
    std::vector<int> ran;
    for (int i = 0; i != 3; ++i) {
        ran.push_back(b.run_one(1us));
    }
    EXPECT_LT(std::ranges::find(ran, 0), std::ranges::find(ran, 1));
}

TEST(FairShard, WhatWouldHaveRunNextGoesOnFirstButNotForEver) {
    bench b;
    tenant& a = b.add();
    for (int i = 0; i != 3; ++i) {
        b.push(a.lanes);
    }
    std::vector<int> ran;

    for (int turns = 0; turns != 18; ++turns) {
        const turn t = b.shard.pick(b.now);
        work_item* const next = b.shard.pop(*t.lanes, b.now);
        ran.push_back(static_cast<item*>(next)->number);
        b.now += quantum;
        b.shard.put_back(a.lanes, *next, b.now);
        b.shard.settle(a.lanes, quantum, b.now);
    }

    EXPECT_EQ(ran, (std::vector<int>{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2}));
}

TEST(FairShard, WhatIsPutBackHidesNoOlderItemFromTheOverloadSignal) {
    bench b;
    tenant& a = b.add();
    b.push(a.lanes);
    b.push(a.lanes);
    b.now += 300ms;
    const turn t = b.shard.pick(b.now);
    work_item* const next = b.shard.pop(*t.lanes, b.now);
    EXPECT_FALSE(a.lanes.was_put_back());
    b.shard.put_back(a.lanes, *next, b.now);
    b.shard.settle(a.lanes, quantum, b.now);

    ASSERT_TRUE(b.shard.pick(b.now));
    EXPECT_EQ(b.pop(a.lanes), 0);
    EXPECT_TRUE(a.lanes.was_put_back());
    EXPECT_EQ(a.lanes.overtaken_for(b.now), 300ms);
    EXPECT_EQ(b.pop(a.lanes), 1);
    EXPECT_FALSE(a.lanes.was_put_back());
    EXPECT_EQ(a.lanes.overtaken_for(b.now), 0ms);
    b.shard.settle(a.lanes, quantum, b.now);
}

TEST(FairShard, GivesWayToWhoIsMoreDueElsewhereButNotBeforeWhoComesBack) {
    bench b;
    tenant& hog = b.add();
    const auto clock = [&] { return b.queue.clock().at(b.now); };
    const auto at = [&](duration ahead) {
        return advanced(clock(), ahead.count() * virtual_units_per_ns);
    };
    EXPECT_FALSE(b.shard.gives_way_to(at(-5ms), at(-3ms), b.now));  // nothing waits here
    tenant& visitor = b.add();
    b.push(visitor.lanes);
    b.run_one(1us);
    for (int i = 0; i != 40; ++i) {
        b.push(hog.lanes);
    }
    b.now += 1ms;
    // It takes more than there is: ahead of the clock, it leaves the CPU to who is not, or less so.
    hog.share.charge(3ms);
    b.run_one(50us);
    ASSERT_TRUE(before(clock(), hog.share.position(queue_id::async)));
    EXPECT_TRUE(b.shard.gives_way_to(at(-1ms), at(1ms), b.now));
    EXPECT_TRUE(b.shard.gives_way_to(at(100us), at(2ms), b.now));
    EXPECT_FALSE(b.shard.gives_way_to(at(50ms), at(52ms), b.now));
    // A tenant that comes back is due at the clock: nobody who burns goes before it.
    b.push(visitor.lanes);
    EXPECT_FALSE(b.shard.gives_way_to(at(-5ms), at(-3ms), b.now));
}

TEST(FairShard, UnderFifoItGivesWayToNobody) {
    bench b(policy::fifo);
    b.push(b.add().lanes);
    EXPECT_FALSE(b.shard.gives_way_to(-1'000'000'000, -1'000'000'000, b.now));
}

TEST(FairShard, AShardThatNobodyServesDoesNotDriveTheClock) {
    bench b;
    tenant& one = b.add();
    b.push(one.lanes);
    b.push(one.lanes);
    b.run_one(50us);
    b.shard.set_served(false, b.now);
    const virtual_time before_rest = b.queue.clock().at(b.now);
    b.now += 10ms;
    EXPECT_EQ(b.queue.clock().at(b.now), before_rest);
    b.shard.set_served(true, b.now);
    b.now += 1ms;
    EXPECT_NE(b.queue.clock().at(b.now), before_rest);
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

TEST(FairShard, TwiceTheWeightComesTwiceAsOften) {
    bench b;
    for (tenant* each : {&b.add(1), &b.add(1), &b.add(2)}) {
        for (int i = 0; i != 40; ++i) {
            b.push(each->lanes);
        }
    }
    std::string order;
    for (int i = 0; i != 48; ++i) {
        order += static_cast<char>('A' + b.run_one(50us) / 40);
    }

    const auto count = [&](char who) { return std::count(order.begin(), order.end(), who); };
    EXPECT_NEAR(static_cast<double>(count('A')), 12, 1) << order;
    EXPECT_NEAR(static_cast<double>(count('B')), 12, 1) << order;
    EXPECT_NEAR(static_cast<double>(count('C')), 24, 1) << order;
    EXPECT_EQ(order.find("ABA"), std::string::npos) << order;
    EXPECT_EQ(order.find("CCC"), std::string::npos) << order;
}

TEST(FairShard, RequestKeepsItsDeadlineUntilItIsUsedUp) {
    bench b;
    tenant& a = b.add();
    tenant& c = b.add();
    for (int i = 0; i != 2; ++i) {
        b.push(a.lanes);  // 0 and 2, due 100 us after the start
        b.push(c.lanes);  // 1 and 3
    }
    EXPECT_EQ(b.run_one(50us), 0);
    EXPECT_EQ(b.run_one(50us), 1);
    tenant& later = b.add(4.0 / 3);
    b.push(later.lanes);  // 4, due 50 + 75 us after the start

    EXPECT_EQ(b.run_one(50us), 2) << "half served, due before the newcomer";
    EXPECT_EQ(b.run_one(50us), 3);
    EXPECT_EQ(b.run_one(50us), 4);
}

TEST(FairShard, NearerClassGoesFirstInsideItsWindowAndNotBeyond) {
    bench b;
    tenant& a = b.add();
    b.push(a.lanes, work_class::accept);   // 0
    b.push(a.lanes, work_class::read);     // 1
    b.push(a.lanes, work_class::compute);  // 2
    b.push(a.lanes, work_class::write);    // 3
    b.now += 3ms;
    b.push(a.lanes, work_class::write);  // 4: later than read + 2 ms, before accept + 8 ms
    b.now += 6ms;
    b.push(a.lanes, work_class::write);  // 5: later than accept + 8 ms

    std::vector<int> order;
    for (int number = b.run_one(1us); number != -1; number = b.run_one(1us)) {
        order.push_back(number);
    }
    EXPECT_EQ(order, (std::vector<int>{3, 2, 1, 4, 0, 5}));
}

TEST(FairShard, UrgentWorkOfATenantThatIsNotAheadEndsTheTurn) {
    bench b;
    tenant& hog = b.add();
    tenant& light = b.add();
    tenant& greedy = b.add();
    for (tenant* each : {&light, &greedy}) {  // known tenants, one of them ahead
        b.push(each->lanes);
        b.run_one(1us);
    }
    greedy.share.charge(1ms);
    b.push(hog.lanes, work_class::accept);
    b.push(hog.lanes, work_class::accept);
    const turn t = b.shard.pick(b.now);
    ASSERT_EQ(t.lanes, &hog.lanes);

    EXPECT_FALSE(b.push(hog.lanes, work_class::write)) << "it is its own turn";
    EXPECT_FALSE(b.push(greedy.lanes, work_class::write)) << "it is ahead of the clock";
    EXPECT_TRUE(b.push(light.lanes, work_class::write));
    EXPECT_EQ(b.shard.steal_candidate(b.now), &light.lanes);
    EXPECT_LT(b.shard.earliest_deadline(), hog.lanes.deadline());
    b.shard.settle(hog.lanes, 1us, b.now);
    EXPECT_EQ(b.shard.pick(b.now).lanes, &light.lanes);
    b.shard.settle(light.lanes, 1us, b.now);
}

TEST(FairShard, UrgentWorkBringsAWaitingTenantForward) {
    bench b;
    tenant& first = b.add();
    tenant& second = b.add();
    b.push(first.lanes, work_class::read);
    b.push(second.lanes, work_class::accept);
    const virtual_time late = second.lanes.deadline();

    b.push(second.lanes, work_class::write);

    EXPECT_LT(second.lanes.deadline(), late);
    EXPECT_EQ(b.run_one(1us), 2);
}

TEST(FairShard, StealMovesTheOlderHalfInOrderAndNothingIsLost) {
    for (const policy order : {policy::fair, policy::fifo}) {
        bench b(order, 2);
        tenant& a = b.add();
        tenant& other = b.add();
        for (int i = 0; i != 5; ++i) {
            b.push(a.lanes);
            b.push(other.lanes);
            b.now += 1us;
        }
        ASSERT_EQ(b.shard.steal_candidate(b.now), &a.lanes);

        EXPECT_EQ(b.shard.steal(a.lanes, a.lanes_at_1, b.queue.shard(1), 64, b.now), 3U);

        EXPECT_EQ(b.shard.size(), 7U);
        EXPECT_EQ(b.queue.shard(1).size(), 3U);
        EXPECT_EQ(b.queue.sums().weight, 2 * fixed_weight_one) << "each tenant counts once";
        EXPECT_EQ(b.run_one(1us, 1), 0);
        EXPECT_EQ(b.run_one(1us, 1), 2);
        EXPECT_EQ(b.run_one(1us, 1), 4);
        EXPECT_EQ(b.run_one(1us, 1), -1);
        std::vector<int> rest;
        for (int number = b.run_one(1us); number != -1; number = b.run_one(1us)) {
            rest.push_back(number);
        }
        std::sort(rest.begin(), rest.end());
        EXPECT_EQ(rest, (std::vector<int>{1, 3, 5, 6, 7, 8, 9}));
        EXPECT_EQ(b.queue.sums().moment, 0U);
    }
}

TEST(FairShard, StolenItemsMergeByAgeAndAnEmptiedLaneSetLeaves) {
    bench b(policy::fair, 2);
    tenant& a = b.add();
    b.push(a.lanes);  // 0
    b.now += 1us;
    b.push(a.lanes_at_1, work_class::read, 1);  // 1

    EXPECT_EQ(b.shard.steal(a.lanes, a.lanes_at_1, b.queue.shard(1), 64, b.now), 1U);

    EXPECT_EQ(b.shard.members(), 0U);
    EXPECT_EQ(b.queue.sums().weight, fixed_weight_one);
    EXPECT_EQ(b.run_one(1us, 1), 0);
    EXPECT_EQ(b.run_one(1us, 1), 1);
}

TEST(FairShard, RunningTenantIsStolenFromOnlyIfItHasMoreThanOneItem) {
    bench b(policy::fair, 2);
    tenant& a = b.add();
    b.push(a.lanes);
    b.push(a.lanes);
    b.push(a.lanes);
    const turn t = b.shard.pick(b.now);
    EXPECT_EQ(b.pop(a.lanes), 0);

    EXPECT_EQ(b.shard.steal_candidate(b.now), &a.lanes);
    EXPECT_EQ(b.shard.steal(a.lanes, a.lanes_at_1, b.queue.shard(1), 64, b.now), 1U);
    EXPECT_EQ(b.shard.steal_candidate(b.now), nullptr);

    EXPECT_EQ(b.pop(a.lanes), 2);
    EXPECT_EQ(b.pop(a.lanes), -1);
    b.shard.settle(*t.lanes, 1us, b.now);
    EXPECT_EQ(b.queue.sums().weight, fixed_weight_one) << "still a member on the other core";
}

TEST(FairShard, LowLatencyTenantIsServedBeforeAnEqualOne) {
    bench b;
    tenant& normal = b.add();
    tenant& low = b.add(1, latency::low);
    b.push(normal.lanes);
    b.push(low.lanes);

    EXPECT_EQ(b.run_one(1us), 1);
}

TEST(FairShard, HeadWaitIsTheAgeOfWhatRunsNext) {
    bench b;
    tenant& a = b.add();
    EXPECT_EQ(b.shard.head_wait(b.now), 0us);
    b.push(a.lanes);
    b.now += 70us;
    EXPECT_EQ(b.shard.head_wait(b.now), 70us);
}

/// Random operations on three shards of a queue.
class storm {
  public:
    explicit storm(std::uint64_t seed)
        : random_(seed), queue(seed % 4 == 0 ? policy::fifo : policy::fair, 3, queue_id::async) {
        for (int i = 0; i != 20; ++i) {
            member& made = members_.emplace_back(draw_weight());
            owner_[&made.share] = &made;
        }
    }

    void step(bool refill) {
        const std::size_t at = random_.below(3);
        const std::uint64_t what = random_.below(10);
        if (refill && what < 4) {
            push(at);
        } else if (running_[at]) {
            work_item* got = queue.shard(at).pop(*running_[at].lanes, now_);
            if (got != nullptr) {
                ++times_run[static_cast<std::size_t>(static_cast<item*>(got)->number)];
            }
            if (got == nullptr || what >= 8) {
                queue.shard(at).settle(*running_[at].lanes, duration(random_.below(200'000)), now_);
                running_[at] = {};
            }
        } else if (what < 8) {
            running_[at] = queue.shard(at).pick(now_);
        } else {
            steal(at);
        }
        if (refill && random_.below(20) == 0) {
            members_[random_.below(20)].share.charge(duration(random_.below(3'000'000)));
            members_[random_.below(20)].share.set_weight(draw_weight());
        }
        now_ += duration(random_.below(30'000));
    }
    bool is_over() const { return queue.size() == 0 && queue.sums().members == 0; }

  private:
    struct member {
        explicit member(double weight) : share(weight) {}
        tenant_share share;
        std::array<lane_set, 3> lanes{lane_set(share), lane_set(share), lane_set(share)};
    };

    double draw_weight() { return std::exp(8 * random_.unit() - 4); }
    void push(std::size_t at) {
        item& made = items_.emplace_back(static_cast<int>(items_.size()),
                                         static_cast<work_class>(random_.below(4)));
        times_run.push_back(0);
        queue.shard(at).push(members_[random_.below(20)].lanes[at], made, now_);
    }
    void steal(std::size_t at) {
        if (lane_set* from = queue.shard(at).steal_candidate(now_)) {
            const std::size_t to = (at + 1 + random_.below(2)) % 3;
            queue.shard(at).steal(*from, owner_[&from->share()]->lanes[to], queue.shard(to),
                                  1 + random_.below(8), now_);
        }
    }

    prng random_;
    std::deque<item> items_;
    std::deque<member> members_;
    std::map<const tenant_share*, member*> owner_;
    std::array<turn, 3> running_;
    instant now_ = start;

  public:
    fair_queue queue;
    std::vector<int> times_run;  // by number of item
};

// Whatever happens, no item is lost or run twice, and the sums end at zero to the last bit.
TEST(FairShard, RandomOperationsLoseNothingAndTheSumsEndAtZero) {
    const char* given = std::getenv("DRAMA_SEED");
    const std::uint64_t first = given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
    for (std::uint64_t seed = first; seed != first + (given == nullptr ? 40 : 1); ++seed) {
        SCOPED_TRACE(::testing::Message() << "seed=" << seed);
        storm all(seed);
        for (int i = 0; i != 5'000; ++i) {
            all.step(true);
        }
        for (int i = 0; !all.is_over(); ++i) {
            ASSERT_LT(i, 100'000) << "does not drain";
            all.step(false);
        }
        for (const int times : all.times_run) {
            ASSERT_EQ(times, 1);
        }
        EXPECT_EQ(all.queue.sums().weight, 0);
        EXPECT_EQ(all.queue.sums().moment, 0U);
    }
}

TEST(FairShard, ItemsOfTheRunningTurnAreTakenOutOfTheirPlaces) {
    for (const policy order : {policy::fair, policy::fifo}) {
        bench b(order);
        tenant& a = b.add();
        tenant& other = b.add();
        for (int i = 0; i != 5; ++i) {
            b.push(a.lanes);
        }
        b.push(other.lanes);
        const turn t = b.shard.pick(b.now);
        ASSERT_EQ(t.lanes, &a.lanes);

        EXPECT_FALSE(b.shard.remove(a.lanes, b.items[5])) << "it is another tenant's";
        EXPECT_TRUE(b.shard.remove(a.lanes, b.items[2]));
        EXPECT_TRUE(b.shard.remove(a.lanes, b.items[4]));
        EXPECT_TRUE(b.shard.remove(a.lanes, b.items[0]));
        EXPECT_FALSE(b.shard.remove(a.lanes, b.items[0])) << "it stands there no more";

        EXPECT_EQ(b.pop(a.lanes), 1);
        EXPECT_EQ(b.pop(a.lanes), 3);
        EXPECT_EQ(b.pop(a.lanes), -1);
        b.shard.settle(a.lanes, 1us, b.now);
        EXPECT_EQ(b.run_one(1us), 5);
    }
}

TEST(FairShard, ItemsThatWereStolenAreTakenOutOfTheirPlacesToo) {
    bench b(policy::fair, 2);
    tenant& a = b.add();
    for (int i = 0; i != 6; ++i) {
        b.push(a.lanes);
    }
    b.push(a.lanes_at_1, work_class::read, 1);  // 6, and later than those that come
    EXPECT_EQ(b.shard.steal(a.lanes, a.lanes_at_1, b.queue.shard(1), 64, b.now), 3U);
    fair_shard& thief = b.queue.shard(1);
    const turn t = thief.pick(b.now);
    ASSERT_EQ(t.lanes, &a.lanes_at_1);

    EXPECT_TRUE(thief.remove(a.lanes_at_1, b.items[1]));
    EXPECT_TRUE(thief.remove(a.lanes_at_1, b.items[6]));

    EXPECT_EQ(b.pop(a.lanes_at_1, 1), 0);
    EXPECT_EQ(b.pop(a.lanes_at_1, 1), 2);
    EXPECT_EQ(b.pop(a.lanes_at_1, 1), -1);
    thief.settle(a.lanes_at_1, 1us, b.now);
}

}  // namespace
}  // namespace drama
