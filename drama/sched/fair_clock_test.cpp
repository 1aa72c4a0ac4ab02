// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/fair_clock.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace drama {
namespace {

constexpr instant start = instant(1s);

/// Sums of one tenant of `weight` that stands `ahead` of the clock.
clock_sums sums_of(const fair_clock& clock, instant now, fixed_weight weight, duration ahead,
                   std::uint32_t busy = 1) {
    const virtual_time v = advanced(clock.at(now), ahead.count() * virtual_units_per_ns);
    return {.moment = std::uint64_t{weight} * static_cast<std::uint64_t>(v),
            .weight = weight,
            .busy = busy,
            .members = 1};
}

void update(fair_clock& clock, instant now, const clock_sums& sums) {
    ASSERT_TRUE(clock.try_lead());
    EXPECT_FALSE(clock.try_lead());
    clock.update(now, sums);
}

TEST(FairClock, StandsStillWithoutMembers) {
    fair_clock clock(2);
    update(clock, start, {});
    EXPECT_EQ(clock.at(start), clock.at(start + 10s));
}

TEST(FairClock, RunsAtBusyServersOverWeight) {
    fair_clock clock(8);
    update(clock, start, sums_of(clock, start, 4 * fixed_weight_one, 0us, 8));
    const virtual_span moved = gap(clock.at(start + 1ms), clock.at(start));
    EXPECT_NEAR(static_cast<double>(moved), 2e6 * virtual_units_per_ns, 1e6);
    EXPECT_EQ(clock.progress(1ms), moved);
    EXPECT_EQ(clock.at(start - 1ms), clock.at(start));
}

TEST(FairClock, SlewsTowardsTheMeanAndNeverBack) {
    fair_clock clock(1);
    const fixed_weight weight = fixed_weight_one;
    update(clock, start, sums_of(clock, start, weight, 300us));
    EXPECT_NEAR(static_cast<double>(clock.progress(1ms)), 1.3e6 * virtual_units_per_ns, 1e6);
    update(clock, start, sums_of(clock, start, weight, -300us));
    EXPECT_NEAR(static_cast<double>(clock.progress(1ms)), 0.7e6 * virtual_units_per_ns, 1e6);
    update(clock, start, sums_of(clock, start, weight, -1s));
    EXPECT_NEAR(static_cast<double>(clock.progress(1ms)), 0.1e6 * virtual_units_per_ns, 1e6);
    update(clock, start, sums_of(clock, start, weight, 1s));
    EXPECT_NEAR(static_cast<double>(clock.progress(1ms)), 2e6 * virtual_units_per_ns, 1e6);
}

TEST(FairClock, SlewsNoLongerThanItTakesHoweverLateTheNextUpdateIs) {
    fair_clock clock(1);
    const fixed_weight weight = fixed_weight_one;
    const auto moved_us = [&](duration after) {
        return static_cast<double>(gap(clock.at(start + after), clock.at(start))) /
               (1e3 * virtual_units_per_ns);
    };
    update(clock, start, sums_of(clock, start, weight, 300us));
    EXPECT_NEAR(moved_us(500us), 650, 1);
    EXPECT_NEAR(moved_us(50ms), 50'300, 1);
    update(clock, start, sums_of(clock, start, weight, -300us));
    EXPECT_NEAR(moved_us(50ms), 49'700, 1);
    update(clock, start, sums_of(clock, start, weight, 5ms));  // a millisecond each is the most
    EXPECT_NEAR(moved_us(4ms), 8'000, 1);
    EXPECT_NEAR(moved_us(50ms), 55'000, 1);
    update(clock, start, sums_of(clock, start, weight, -9ms));
    EXPECT_NEAR(moved_us(5ms), 500, 1);
    EXPECT_NEAR(moved_us(50ms), 41'000, 1);
    update(clock, start, sums_of(clock, start, weight, 0us));
    EXPECT_NEAR(moved_us(50ms), 50'000, 1);
}

TEST(FairClock, CatchesUpWithMembersThatAreAheadWhileNobodyIsServed) {
    fair_clock clock(1);
    const fixed_weight weight = fixed_weight_one;
    update(clock, start, sums_of(clock, start, weight, 300us, 0));
    EXPECT_NEAR(static_cast<double>(clock.progress(1ms)), 0.3e6 * virtual_units_per_ns, 1e6);
    update(clock, start, sums_of(clock, start, weight, -300us, 0));
    EXPECT_EQ(clock.progress(1ms), 0);
    update(clock, start, sums_of(clock, start, weight, 1s, 0));
    EXPECT_NEAR(static_cast<double>(clock.progress(1ms)), 2e6 * virtual_units_per_ns, 1e6);
}

TEST(FairClock, GoesAsFastAsServersHaveTimeForMembers) {
    fair_clock clock(2);
    instant now = start;
    for (int i = 0; i != 100; ++i) {  // half of one server's time is lost
        clock.note_lost(500us);
        update(clock, now, sums_of(clock, now, fixed_weight_one, 0us, 2));
        now += 1ms;
    }
    EXPECT_NEAR(static_cast<double>(clock.progress(1ms)), 1.5e6 * virtual_units_per_ns, 2e7);
    for (int i = 0; i != 300; ++i) {
        update(clock, now, sums_of(clock, now, fixed_weight_one, 0us, 2));
        now += 1ms;
    }
    EXPECT_NEAR(static_cast<double>(clock.progress(1ms)), 2e6 * virtual_units_per_ns, 1e3);
}

TEST(FairClock, ForgivesAtTheRateOfAllThatUseTheServers) {
    fair_clock clock(2);
    clock_sums sums = sums_of(clock, start, 2 * fixed_weight_one, 0us, 1);
    sums.held_up = 1;
    clock.note_outside(2 * fixed_weight_one);
    update(clock, start, sums);
    EXPECT_NEAR(static_cast<double>(clock.forgiving_rate()) * 0x1p-32, 0.5 * virtual_units_per_ns,
                1e-3);
    EXPECT_NEAR(static_cast<double>(clock.progress(1ms)), 0.5e6 * virtual_units_per_ns, 1e3);
}

TEST(FairClock, KeepsItsPlaceThroughUpdatesAndWraps) {
    fair_clock clock(1);
    instant now = start;
    // The least weight: 1024 times real time, so that positions wrap within the run.
    update(clock, now, sums_of(clock, now, 1, 0us));
    virtual_time last = clock.at(now);
    for (int i = 0; i != 1000; ++i) {
        now += 4000s;
        const virtual_time v = clock.at(now);
        EXPECT_TRUE(before(last, v));
        update(clock, now, sums_of(clock, now, 1, 0us));
        EXPECT_EQ(clock.at(now), v);
        last = v;
    }
}

TEST(FairClock, TurnsShrinkWithManyTenantsAndSlicesWithThemToATenth) {
    fair_clock clock(2);
    update(clock, start, {.weight = 100, .busy = 2, .members = 100});
    EXPECT_EQ(clock.quantum_now(), quantum);
    EXPECT_EQ(clock.scaled_slice(100us), 100us);
    update(clock, start, {.weight = 1600, .busy = 2, .members = 1600});
    EXPECT_EQ(clock.quantum_now(), 25us);
    EXPECT_EQ(clock.scaled_slice(100us), 50us);
    update(clock, start, {.weight = 1'000'000, .busy = 2, .members = 1'000'000});
    EXPECT_EQ(clock.quantum_now(), 40ns);
    EXPECT_EQ(clock.scaled_slice(100us), 10us);
}

TEST(FairClock, IsDueEachPeriodAndSoonerInAHurry) {
    fair_clock clock(1);
    EXPECT_TRUE(clock.is_due(start));
    update(clock, start, sums_of(clock, start, fixed_weight_one, 0us));
    EXPECT_FALSE(clock.is_due(start + 999us));
    EXPECT_TRUE(clock.is_due(start + clock_period));
    clock.hurry();
    EXPECT_FALSE(clock.is_due(start + 49us));
    EXPECT_TRUE(clock.is_due(start + quantum));
}

TEST(FairClock, ReadersNeverSeeItGoBackWhileALeaderUpdates) {
    fair_clock clock(1);
    update(clock, start, sums_of(clock, start, fixed_weight_one, 0us));
    atomic<std::int64_t> now_ns{start.time_since_epoch().count()};
    atomic<bool> stop{false};
    atomic<int> backwards{0};
    std::vector<std::thread> readers;
    for (int r = 0; r != 2; ++r) {
        readers.emplace_back([&] {
            virtual_time last = clock.at(start);
            while (!stop.load(std::memory_order_relaxed)) {
                const instant now(duration(now_ns.load(std::memory_order_acquire)));
                const virtual_time v = clock.at(now);
                backwards += before(v, last) ? 1 : 0;
                last = v;
            }
        });
    }
    for (int i = 0; i != 200'000; ++i) {
        const instant now(duration(now_ns.load(std::memory_order_relaxed) + 10'000));
        if (clock.try_lead()) {
            clock.update(now, sums_of(clock, now, fixed_weight_one, i % 2 == 0 ? 1ms : -1ms));
        }
        now_ns.store(now.time_since_epoch().count(), std::memory_order_release);
    }
    stop = true;
    for (auto& each : readers) {
        each.join();
    }
    EXPECT_EQ(backwards.load(), 0);
}

}  // namespace
}  // namespace drama
