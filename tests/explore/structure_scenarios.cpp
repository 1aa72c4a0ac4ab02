// SPDX-License-Identifier: Apache-2.0
// Small worlds around structure: scopes join, deadlines and stops end what they bound, the parts of
// a whole are awaited.
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/sim/explore/sim_test.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/mutex.hpp"

namespace drama {
namespace {

struct household {
    int alive = 0;
    int born = 0;
    int stopped = 0;
    bool parent_ended = false;
};

task<result<void>> live(household* in, duration length) {
    ++in->alive;
    ++in->born;
    auto slept = co_await sleep_for(length);
    in->stopped += slept ? 0 : 1;
    --in->alive;
    co_return result<void>();
}

task<result<void>> raise(scope_handle children, household* in, int count, bool gives_up) {
    for (int i = 0; i != count; ++i) {
        auto child = children.spawn(live, in, duration(10us) * (1 + i % 5));
        if (!child) {
            co_return fail(child.error().code());
        }
    }
    auto slept = co_await sleep_for(15us);
    if (!slept) {
        co_return slept;
    }
    co_return gives_up ? fail(errc::bad_argument) : result<void>();
}

task<void> run_household(household* in, int count, bool gives_up) {
    auto ended = co_await in_scope(raise, in, count, gives_up);
    EXPECT_EQ(in->alive, 0) << "a child outlives its scope";
    EXPECT_EQ(ended.has_value(), !gives_up);
    in->parent_ended = true;
}

DRAMA_SIM_TEST(StructureScenario, AScopeJoinsItsChildren) {
    auto& in = world.keep<household>();
    const int count = static_cast<int>(world.capacity(12));
    const bool gives_up = world.random().below(2) == 0;
    world.start("node", run_household, &in, count, gives_up);
    world.always([&in] { return !in.parent_ended || in.alive == 0; });
    world.finally([&in, count, gives_up] {
        EXPECT_EQ(in.born, count);
        EXPECT_TRUE(gives_up || in.stopped == 0);
    });
}

struct race {
    mutex prize;
    int wins = 0;
    int rounds = 0;
    int inside = 0;
};

task<result<int>> run_for_prize(race* in, int number, duration warm_up) {
    auto slept = co_await sleep_for(warm_up);
    if (!slept) {
        co_return fail(slept.error());
    }
    DRAMA_CO_TRY(auto guard, co_await in->prize.lock());
    EXPECT_EQ(++in->inside, 1);
    auto held = co_await sleep_for(5us);
    --in->inside;
    co_return held ? result<int>(number) : fail(held.error());
}

task<void> hold_race(race* in, int rounds, duration head_start) {
    for (int i = 0; i != rounds; ++i) {
        auto first =
            co_await when_any(run_for_prize(in, 1, 10us), run_for_prize(in, 2, head_start));
        EXPECT_TRUE(first);
        in->wins += first ? 1 : 0;
        ++in->rounds;
    }
}

DRAMA_SIM_TEST(StructureScenario, TheLoserOfWhenAnyHoldsNothing) {
    auto& in = world.keep<race>();
    const int rounds = static_cast<int>(world.capacity(6));
    const std::size_t runners = world.capacity(3);
    const duration head_start(8us + 1us * static_cast<int>(world.random().below(5)));
    for (std::size_t i = 0; i != runners; ++i) {
        world.start_as("node", "racer " + std::to_string(i), hold_race, &in, rounds, head_start);
    }
    world.finally([&in, rounds, runners] {
        EXPECT_EQ(in.wins, rounds * static_cast<int>(runners));
        EXPECT_TRUE(in.prize.try_lock().has_value()) << "a loser kept what it was granted";
    });
}

task<result<int>> part_of(int value, duration length, bool fails) {
    auto slept = co_await sleep_for(length);
    if (!slept) {
        co_return fail(slept.error());
    }
    co_return fails ? fail(errc::bad_argument) : result<int>(value);
}

struct whole {
    int sums = 0;
    int failures = 0;
};

task<void> add_parts(whole* to, duration longest, bool fails) {
    auto parts = co_await when_all(part_of(1, 5us, false), part_of(2, longest, fails),
                                   part_of(3, 20us, false));
    if (parts) {
        EXPECT_EQ(*parts, std::make_tuple(1, 2, 3));
        ++to->sums;
    } else {
        EXPECT_EQ(parts.error(), errc::bad_argument);
        ++to->failures;
    }
}

DRAMA_SIM_TEST(StructureScenario, WhenAllYieldsAllOrTheFailure) {
    auto& to = world.keep<whole>();
    const int tasks = static_cast<int>(world.capacity(6));
    int failing = 0;
    for (int i = 0; i != tasks; ++i) {
        const bool fails = world.random().below(3) == 0;
        failing += fails ? 1 : 0;
        world.start_as("node", "tenant " + std::to_string(i % 2), add_parts, &to,
                       duration(1us) * (i * 7 % 30), fails);
    }
    world.finally([&to, tasks, failing] {
        EXPECT_EQ(to.failures, failing);
        EXPECT_EQ(to.sums, tasks - failing);
    });
}

struct deadlines {
    mutex door;
    event never_set;
    int inside = 0;
    int in_time = 0;
    int late = 0;
};

task<result<void>> work_inside(deadlines* at, duration length) {
    DRAMA_CO_TRY(auto guard, co_await at->door.lock());
    EXPECT_EQ(++at->inside, 1);
    auto slept = co_await sleep_for(length);
    --at->inside;
    co_return slept;
}

task<result<void>> wait_for_nothing(deadlines* at) {
    co_return co_await at->never_set.wait();
}

task<void> work_by(deadlines* at, duration patience, duration length) {
    auto worked = co_await with_deadline(patience, work_inside(at, length));
    if (worked) {
        ++at->in_time;
    } else {
        EXPECT_EQ(worked.error(), errc::deadline_exceeded);
        ++at->late;
    }
    auto waited = co_await with_deadline(patience, wait_for_nothing(at));
    EXPECT_EQ(waited.error(), errc::deadline_exceeded);
}

DRAMA_SIM_TEST(StructureScenario, ADeadlineEndsEveryWaitInsideIt) {
    auto& at = world.keep<deadlines>();
    const int tasks = static_cast<int>(world.capacity(6));
    for (int i = 0; i != tasks; ++i) {
        const duration patience(1us * static_cast<int>(1 + world.random().below(80)));
        world.start_as("node", "tenant " + std::to_string(i % 3), work_by, &at, patience,
                       duration(20us));
    }
    world.finally([&at, tasks] {
        EXPECT_EQ(at.in_time + at.late, tasks);
        EXPECT_TRUE(at.door.try_lock().has_value());
    });
}

struct stops {
    stop_source source;
    event never_set;
    int stopped = 0;
};

task<result<void>> wait_for_ever(stops* at) {
    co_return co_await at->never_set.wait();
}

task<void> wait_until_stopped(stops* at) {
    auto ended = co_await with_stop(at->source.get_token(), wait_for_ever(at));
    EXPECT_EQ(ended.error(), errc::stop_requested);
    ++at->stopped;
}

task<void> stop_them(stops* at, duration after) {
    auto slept = co_await sleep_for(after);
    EXPECT_TRUE(slept);
    at->source.request_stop();
}

DRAMA_SIM_TEST(StructureScenario, AStopReachesEveryTaskUnderItsToken) {
    auto& at = world.keep<stops>();
    const int tasks = static_cast<int>(world.capacity(6));
    for (int i = 0; i != tasks; ++i) {
        world.start_as("node", "tenant " + std::to_string(i % 2), wait_until_stopped, &at);
    }
    world.start("node", stop_them, &at, duration(1us * static_cast<int>(world.random().below(60))));
    world.finally([&at, tasks] { EXPECT_EQ(at.stopped, tasks); });
}

struct clocks {
    int early = 0;
    int fired = 0;
};

task<void> sleep_and_look(clocks* at, duration length) {
    runnable& self = co_await this_task();
    const instant until = self.home->now() + length;
    auto slept = co_await sleep_for(length);
    at->early += slept && self.home->now() < until ? 1 : 0;
    at->fired += slept ? 1 : 0;
}

DRAMA_SIM_TEST(StructureScenario, TimersOfOneInstantAllFireAndNoneFiresEarly) {
    auto& at = world.keep<clocks>();
    const int tasks = static_cast<int>(world.capacity(40));
    for (int i = 0; i != tasks; ++i) {
        world.start_as("node", "tenant " + std::to_string(i % 4), sleep_and_look, &at,
                       duration(100us) * (1 + i % 2));
    }
    world.always([&at] { return at.early == 0; });
    world.finally([&at, tasks] { EXPECT_EQ(at.fired, tasks); });
}

task<int> charge_to(household* in, const account* expected) {
    runnable& self = co_await this_task();
    EXPECT_EQ(self.payer, expected);
    auto slept = co_await sleep_for(3us);
    in->born += slept ? 1 : 0;
    co_return 7;
}

task<void> change_accounts(household* in, int times) {
    runnable& self = co_await this_task();
    const account* const own = self.payer;
    for (int i = 0; i != times; ++i) {
        const tenant other = this_runtime().tenant("other " + std::to_string(i % 2));
        account& pays = other;
        auto value = co_await as_tenant(other, charge_to, in, static_cast<const account*>(&pays));
        EXPECT_EQ(value, 7);
        EXPECT_EQ(self.payer, own);
    }
}

DRAMA_SIM_TEST(StructureScenario, ASubtaskOnAnotherAccountComesBack) {
    auto& in = world.keep<household>();
    const int times = static_cast<int>(world.capacity(6));
    world.start_as("node", "first", change_accounts, &in, times);
    world.start_as("node", "second", change_accounts, &in, times);
    world.finally([&in, times] { EXPECT_EQ(in.born, 2 * times); });
}

}  // namespace
}  // namespace drama
