// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/core/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <vector>

#include "drama/base/prng.hpp"

namespace drama {
namespace {

constexpr duration tick = duration(std::int64_t{1} << timer_wheel::tick_shift);

struct recorded : timer_node {
    instant fired_at = never;
    const instant* now = nullptr;

    static void on_fire(timer_node& timer) noexcept {
        auto& me = static_cast<recorded&>(timer);
        me.fired_at = *me.now;
        me.firing.store(false);
    }
};

class wheel_with_clock {
  public:
    explicit wheel_with_clock(instant start) : now(start), wheel(start) {}

    recorded& at(instant when) {
        auto& made = *nodes.emplace_back(std::make_unique<recorded>());
        made.when = when;
        made.now = &now;
        made.fire = &recorded::on_fire;
        EXPECT_TRUE(wheel.arm(made));
        return made;
    }
    void go_to(instant when) {
        now = when;
        wheel.fire_due(now);
    }

    instant now;
    timer_wheel wheel;
    std::vector<std::unique_ptr<recorded>> nodes;
};

const instant start = instant(duration(123'456'789'000));

TEST(TimerWheel, NeverFiresEarlyAndAtMostOneTickLate) {
    constexpr std::uint64_t seed = 42;
    prng random(seed);
    wheel_with_clock clocked(start);
    for (int i = 0; i < 20'000; ++i) {
        const auto magnitude = random.below(45);
        clocked.at(start + duration(static_cast<std::int64_t>(
                               random.below(std::uint64_t{1} << (magnitude + 1)))));
    }

    while (clocked.wheel.size() != 0) {
        const instant next = clocked.wheel.next_expiry();
        ASSERT_NE(next, never);
        clocked.go_to(std::max(next, clocked.now));
    }

    for (const auto& node : clocked.nodes) {
        ASSERT_GE(node->fired_at, node->when) << "seed=" << seed;
        ASSERT_LE(node->fired_at, node->when + tick) << "seed=" << seed;
    }
}

TEST(TimerWheel, PutsLongTimersOffToInstantsThatTheyShare) {
    constexpr std::uint64_t seed = 43;
    prng random(seed);
    for (int i = 0; i < 20'000; ++i) {
        const duration span(
            static_cast<std::int64_t>(random.below(std::uint64_t{1} << (random.below(45) + 1))));

        const instant put_off = timer_wheel::with_slack(start + span, start);

        ASSERT_GE(put_off, start + span) << "seed=" << seed;
        ASSERT_LE(put_off, start + span + std::min<duration>(span / 64, 1ms)) << "seed=" << seed;
    }
    EXPECT_EQ(timer_wheel::with_slack(start + 4ms, start), start + 4ms);
    EXPECT_EQ(timer_wheel::with_slack(never, start), never);
    EXPECT_EQ(timer_wheel::with_slack(start - 1s, start), start - 1s);
    EXPECT_EQ(timer_wheel::with_slack(instant::min(), start), instant::min());
    // Timers of 90 to 100 ms share a dozen instants.
    std::set<instant> shared;
    for (int i = 0; i < 1000; ++i) {
        shared.insert(timer_wheel::with_slack(start + 90ms + 10us * i, start));
    }
    EXPECT_LE(shared.size(), 20U);
}

TEST(TimerWheel, FiresWhatIsFarAwayAfterTheHorizon) {
    wheel_with_clock clocked(start);
    const recorded& far = clocked.at(start + std::chrono::hours(24 * 200));

    int steps = 0;
    while (clocked.wheel.size() != 0 && ++steps < 1000) {
        clocked.go_to(std::max(clocked.wheel.next_expiry(), clocked.now));
    }

    EXPECT_GE(far.fired_at, far.when);
    EXPECT_LE(far.fired_at, far.when + tick);
}

TEST(TimerWheel, IsExactAcrossTheLastLevelsRound) {
    const std::int64_t round = std::int64_t{1} << (timer_wheel::tick_shift + 36);
    wheel_with_clock clocked(instant(duration(round - 1'000'000)));
    const recorded& near = clocked.at(instant(duration(round + 1'000'000)));

    while (clocked.wheel.size() != 0) {
        clocked.go_to(std::max(clocked.wheel.next_expiry(), clocked.now));
    }

    EXPECT_GE(near.fired_at, near.when);
    EXPECT_LE(near.fired_at, near.when + tick);
}

TEST(TimerWheel, KnowsTheLastThatIsDueUntilThen) {
    wheel_with_clock clocked(start);
    EXPECT_EQ(clocked.wheel.last_until(never), long_ago);
    clocked.at(start + 5ms);
    clocked.at(start + 7s);
    clocked.at(start + 3h);
    EXPECT_EQ(clocked.wheel.last_until(start + 1ms), long_ago);
    EXPECT_EQ(clocked.wheel.last_until(start + 7s), start + 7s);
    EXPECT_EQ(clocked.wheel.last_until(never), start + 3h);
}

TEST(TimerWheel, DoesNotFireWhatWasDisarmed) {
    wheel_with_clock clocked(start);
    recorded& kept = clocked.at(start + 5ms);
    recorded& gone = clocked.at(start + 5ms);

    EXPECT_TRUE(timer_wheel::disarm(gone));
    EXPECT_FALSE(timer_wheel::disarm(gone)) << "it is not armed any more";
    clocked.go_to(start + 10ms);

    EXPECT_NE(kept.fired_at, never);
    EXPECT_EQ(gone.fired_at, never);
    EXPECT_FALSE(timer_wheel::disarm(kept)) << "it has fired";
}

TEST(TimerWheel, DoesNotWakeForWhatWasDisarmed) {
    wheel_with_clock clocked(start);
    recorded& gone = clocked.at(start + 10ms);
    clocked.at(start + 1h);

    EXPECT_TRUE(timer_wheel::disarm(gone));
    clocked.go_to(start + 5ms);  // looks what comes next

    EXPECT_GT(clocked.wheel.next_expiry(), start + 1min);
}

TEST(TimerWheel, RefusesToArmWhatWasDisarmedBefore) {
    timer_wheel wheel(start);
    recorded early;
    early.when = start + 1ms;

    EXPECT_FALSE(timer_wheel::disarm(early));

    EXPECT_FALSE(wheel.arm(early));
    EXPECT_EQ(wheel.size(), 0U);
}

TEST(TimerWheel, HoldsAMillionTimers) {
    wheel_with_clock clocked(start);
    for (int i = 0; i < 1'000'000; ++i) {
        clocked.at(start + std::chrono::microseconds(i));
    }

    clocked.go_to(start + 2s);

    EXPECT_EQ(clocked.wheel.size(), 0U);
    EXPECT_EQ(clocked.wheel.next_expiry(), never);
}

TEST(TimerWheel, FiresLongOverdueTimersInOneCall) {
    wheel_with_clock clocked(start);
    const recorded& first = clocked.at(start - 1s);
    const recorded& second = clocked.at(start + 3s);

    clocked.go_to(start + 60s);

    EXPECT_EQ(first.fired_at, start + 60s);
    EXPECT_EQ(second.fired_at, start + 60s);
}

}  // namespace
}  // namespace drama
