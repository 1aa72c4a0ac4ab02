// SPDX-License-Identifier: Apache-2.0
// What drama does about timers that are late, due together or due with a stop, and about time that
// jumps.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/wall_now.hpp"
#include "drama/sync/semaphore.hpp"
#include "tests/faults/town.hpp"

namespace drama::faults {
namespace {

using enum fault_kind;

constexpr std::uint64_t seeds = 5;

struct sleeps {
    int ended = 0;
    int early = 0;
    duration latest{};  ///< after its time
};

task<void> sleep_once(simulation* in, sleeps* seen, duration span) {
    const instant due = in->now() + span;
    auto slept = co_await sleep_for(span);
    if (slept) {
        ++seen->ended;
        seen->early += in->now() < due ? 1 : 0;
        seen->latest = std::max(seen->latest, in->now() - due);
    }
}

task<void> take_in_time(simulation* in, semaphore* permits, duration patience, int* taken) {
    static_cast<void>(in);
    auto permit = co_await permits->acquire(1, patience);
    *taken += permit ? 1 : 0;
}

task<void> give_after(semaphore* permits, duration span) {
    auto slept = co_await sleep_for(span);
    static_cast<void>(slept);
    permits->release(1);
}

TEST(TimerLate, IsNeverEarlyAndNeverForgotten) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + seeds; ++seed) {
        sleeps seen;
        town place(seed, {{.kind = timer_late, .when = probability(0.5), .value = 700'000'000}});
        for (int i = 0; i < 100; ++i) {
            place.start("a", sleep_once, &place.sim, &seen, duration(1ms * (1 + i % 10) * (i % 7)));
        }
        place.run();
        place.expect_fired(timer_late);
        EXPECT_EQ(seen.ended, 100) << place.sim.replay();
        EXPECT_EQ(seen.early, 0) << place.sim.replay();
        EXPECT_LT(seen.latest, 700ms + 2ms) << place.sim.replay();
    }
}

// A wait whose timeout fires late is still over when what it waits for comes first.
TEST(TimerLate, LosesToWhatCameMeanwhile) {
    int taken = 0;
    semaphore permits(0);
    town place(seed_or(1), {{.kind = timer_late, .tenant = "waiter", .value = 50'000'000}});
    place.start("waiter", take_in_time, &place.sim, &permits, duration(10ms), &taken);
    place.start("giver", give_after, &permits, duration(30ms));
    place.run();
    EXPECT_EQ(taken, 1);
}

task<void> tick(simulation* in, duration* worst, int* rounds) {
    for (*rounds = 0; *rounds < 100; ++*rounds) {
        const instant began = in->now();
        auto slept = co_await sleep_for(1ms);
        if (!slept) {
            co_return;
        }
        *worst = std::max(*worst, in->now() - began);
    }
}

// Thousands of a neighbour's timers at one instant: all fire, and others hardly notice.
TEST(TimersAtOnce, AllFireAndOthersHardlyNotice) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + seeds; ++seed) {
        sleeps seen;
        duration worst{};
        int rounds = 0;
        town place(seed, {{.kind = timers_at_once, .tenant = "crowd", .value = 50'000'000}});
        place.start("b", tick, &place.sim, &worst, &rounds);
        for (int i = 0; i < 3'000; ++i) {
            place.start("crowd", sleep_once, &place.sim, &seen, duration(1ms + i * 10us));
        }
        place.run();
        EXPECT_EQ(seen.ended, 3'000) << place.sim.replay();
        EXPECT_EQ(seen.early, 0) << place.sim.replay();
        EXPECT_EQ(rounds, 100) << place.sim.replay();
        EXPECT_LT(worst, 6ms) << place.sim.replay();
    }
}

struct races {
    int slept = 0;
    int stopped = 0;
    int other = 0;
};

task<result<void>> sleep_for_task(duration span) {
    co_return co_await sleep_for(span);
}

task<void> race(races* seen) {
    for (int i = 0; i < 50; ++i) {
        auto inner = sleep_for_task(300us);
        auto slept = co_await with_deadline(600us, std::move(inner));
        if (slept) {
            ++seen->slept;
        } else if (slept.error() == errc::deadline_exceeded) {
            ++seen->stopped;
        } else {
            ++seen->other;
        }
    }
}

task<void> sleep_until_stopped(races* seen, stop_token token) {
    auto inner = sleep_for_task(300us);
    auto slept = co_await with_stop(std::move(token), std::move(inner));
    if (slept) {
        ++seen->slept;
    } else if (slept.error() == errc::stop_requested) {
        ++seen->stopped;
    } else {
        ++seen->other;
    }
}

// Its own sleep ends when that of the others does, because the plan says so.
task<void> stop_after_less(stop_source* of) {
    auto slept = co_await sleep_for(200us);
    static_cast<void>(slept);
    of->request_stop();
}

TEST(CancelAtExpiry, ByAnotherTaskOnAnotherCore) {
    std::uint64_t fired = 0;
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + 4 * seeds; ++seed) {
        races seen;
        std::vector<stop_source> sources(40);
        town place(seed, {{.kind = cancel_at_expiry, .tenant = "stopper"}});
        for (stop_source& each : sources) {
            place.start("a", sleep_until_stopped, &seen, each.get_token());
            place.start("stopper", stop_after_less, &each);
        }
        place.run();
        fired += place.sim.faults().fired(cancel_at_expiry);
        EXPECT_EQ(seen.slept + seen.stopped, 40) << place.sim.replay();
    }
    EXPECT_GT(fired, 100U);
}

// A stop in the very tick in which the timer fires: one of them wins, and the task wakes once.
TEST(CancelAtExpiry, WakesTheTaskOnce) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + seeds; ++seed) {
        races seen;
        town place(seed, {{.kind = cancel_at_expiry}});
        for (int i = 0; i < 10; ++i) {
            place.start("a", race, &seen);
        }
        place.run();
        place.expect_fired(cancel_at_expiry);
        EXPECT_EQ(seen.slept + seen.stopped, 500) << place.sim.replay();
        EXPECT_EQ(seen.other, 0);
        EXPECT_GT(seen.stopped, 0) << place.sim.replay();
    }
}

void stamp(wall_instant* last) {
    *last = std::max(*last + 1ns, wall_now());
}

task<void> keep_stamps(std::vector<wall_instant>* stamps) {
    wall_instant last{};
    for (int i = 0; i < 50; ++i) {
        stamp(&last);
        stamps->push_back(last);
        auto slept = co_await sleep_for(10ms);
        static_cast<void>(slept);
    }
}

// The clock on the wall goes back: nobody's sleep is longer for it, and stamps go on.
TEST(WallClockBack, LeavesTimersAloneAndStampsInOrder) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + seeds; ++seed) {
        std::vector<wall_instant> stamps;
        town place(seed, {{.kind = wall_clock_back, .when = probability(0.1)}});
        const instant began = place.sim.now();
        place.start("a", keep_stamps, &stamps);
        place.run();
        place.expect_fired(wall_clock_back);
        EXPECT_EQ(stamps.size(), 50U) << place.sim.replay();
        EXPECT_LT(place.sim.now() - began, 1s) << place.sim.replay();
        const auto goes_back = std::ranges::adjacent_find(stamps, std::ranges::greater_equal());
        EXPECT_EQ(goes_back, stamps.end()) << place.sim.replay();
    }
}

// The machine was suspended: what was due meanwhile happens now, the rest at its time.
TEST(ClockJump, FiresWhatWasDueAndKeepsTheRest) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + seeds; ++seed) {
        sleeps seen;
        duration worst{};
        int rounds = 0;
        town place(seed, {{.kind = clock_jump, .when = nth(40), .value = 60'000'000'000}});
        for (int i = 0; i < 200; ++i) {
            place.start("a", sleep_once, &place.sim, &seen, duration(700ms * i));
        }
        place.start("b", tick, &place.sim, &worst, &rounds);
        place.run();
        place.expect_fired(clock_jump);
        EXPECT_EQ(seen.ended, 200) << place.sim.replay();
        EXPECT_EQ(seen.early, 0) << place.sim.replay();
        EXPECT_LE(seen.latest, 61s) << place.sim.replay();
        EXPECT_EQ(rounds, 100) << place.sim.replay();
    }
}

}  // namespace
}  // namespace drama::faults
