// SPDX-License-Identifier: Apache-2.0
// A tenant's lanes on two cores: owners push and pop at both ends of a chain, thieves move half of
// it to their own core, under two locks that are tried and never waited for.
#include <gtest/gtest.h>

#include <array>
#include <mutex>

#include "drama/base/clock.hpp"
#include "drama/sched/lane_set.hpp"
#include "tests/model/primitive.hpp"

namespace drama {
namespace {

using lock = basic_spinlock<check::atomics>;

struct item {
    check::plain<item*> next{nullptr};
    check::plain<item*> preceding{nullptr};
    instant queued_at = long_ago;
    check::plain<int> ran{0};
};

struct lane {
    lock guard;
    basic_work_fifo<item> items;
    check::atomic<int> size{0};

    void push(item& pushed) {
        const std::lock_guard locked(guard);
        items.push(pushed);
        size.store(size.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    item* pop() {
        const std::lock_guard locked(guard);
        if (items.empty()) {
            return nullptr;
        }
        size.store(size.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
        return items.pop();
    }
};

enum class twin { none, waits_for_both_locks, takes_without_its_own_lock };

template <twin Is>
bool take_locks(lane& victim, lane& mine) {
    if (Is == twin::waits_for_both_locks) {
        victim.guard.lock();
        mine.guard.lock();
        return true;
    }
    if (Is == twin::takes_without_its_own_lock) {
        return victim.guard.try_lock();
    }
    return try_lock_both(victim.guard, mine.guard);
}

template <twin Is>
void steal(lane& victim, lane& mine) {
    if (victim.size.load(std::memory_order_relaxed) == 0 || !take_locks<Is>(victim, mine)) {
        return;
    }
    basic_work_fifo<item> taken;
    int count = (victim.size.load(std::memory_order_relaxed) + 1) / 2;
    victim.size.store(victim.size.load(std::memory_order_relaxed) - count,
                      std::memory_order_relaxed);
    mine.size.store(mine.size.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    for (; count > 0; --count) {
        taken.push(*victim.items.pop());
    }
    mine.items.merge(taken);
    if (Is != twin::takes_without_its_own_lock) {
        mine.guard.unlock();
    }
    victim.guard.unlock();
}

void run_all(lane& of) {
    while (item* const each = of.pop()) {
        ++each->ran;
    }
}

// The owner of one lane pushes and pops while the owner of the other steals from it, and at once
// the first from the second.
template <twin Is>
void two_thieves(check::run& run) {
    std::array<lane, 2> lanes;
    std::array<item, 3> items;
    for (std::size_t i = 0; i < 2; ++i) {
        items[i].queued_at = instant(duration(i));
        lanes[0].push(items[i]);
    }
    items[2].queued_at = instant(duration(5));
    lanes[1].push(items[2]);
    const auto worker = [&](std::size_t self) {
        steal<Is>(lanes[1 - self], lanes[self]);
        if (item* const first = lanes[self].pop()) {
            ++first->ran;
        }
    };
    run.threads(check::named{"first worker", [&] { worker(0); }},
                check::named{"second worker", [&] { worker(1); }});
    run_all(lanes[0]);
    run_all(lanes[1]);
    for (const item& each : items) {
        run.require(each.ran.read() == 1, "each runs once");
    }
    run.require(lanes[0].size.load() == 0 && lanes[1].size.load() == 0, "the sizes are right");
}

template <twin Is>
void pushed_meanwhile(check::run& run) {
    std::array<lane, 2> lanes;
    std::array<item, 3> items;
    lanes[0].push(items[0]);
    run.threads(check::named{"owner",
                             [&] {
                                 lanes[0].push(items[1]);
                                 if (item* const first = lanes[0].pop()) {
                                     ++first->ran;
                                 }
                             }},
                check::named{"thief", [&] { steal<Is>(lanes[0], lanes[1]); }},
                check::named{"other", [&] { lanes[1].push(items[2]); }});
    run_all(lanes[0]);
    run_all(lanes[1]);
    for (const item& each : items) {
        run.require(each.ran.read() == 1, "each runs once");
    }
}

TEST(SubLane, RunsEachItemOnceWhileTwoStealFromEachOther) {
    const auto found = check::explore({.preemptions = 3}, two_thieves<twin::none>);

    EXPECT_TRUE(found.passed()) << found;
}

TEST(SubLane, RunsEachItemOnceWhileOthersPush) {
    const auto found = check::explore({.preemptions = 3}, pushed_meanwhile<twin::none>);

    EXPECT_TRUE(found.passed()) << found;
}

TEST(SubLane, WouldStandStillIfThievesWaitedForBothLocks) {
    const auto found = check::explore({.preemptions = 3}, two_thieves<twin::waits_for_both_locks>);

    EXPECT_TRUE(found.failed());
}

TEST(SubLane, WouldTearALaneWithoutItsOwnLock) {
    const auto found =
        check::explore({.preemptions = 3}, pushed_meanwhile<twin::takes_without_its_own_lock>);

    EXPECT_TRUE(found.failed());
}

TEST(SubLane, NeedsTheLocksOrders) {
    const auto audited = check::audit({.preemptions = 2}, pushed_meanwhile<twin::none>);

    EXPECT_TRUE(testing::notices(audited, "spinlock.hpp", "acquire"));
    EXPECT_TRUE(testing::notices(audited, "spinlock.hpp", "release"));
    EXPECT_EQ(testing::unneeded(audited), "");
}

}  // namespace
}  // namespace drama
