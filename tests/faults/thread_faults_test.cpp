// SPDX-License-Identifier: Apache-2.0
// What drama does about threads that are refused, slow, paused or stuck.
#include <algorithm>
#include <cstdint>
#include <string>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"
#include "tests/faults/town.hpp"

namespace drama::faults {
namespace {

using enum fault_kind;

constexpr std::uint64_t seeds = 5;

struct calls {
    int answered = 0;
    int refused = 0;
    int other = 0;
    duration worst{};
};

int look_up() {
    sim::block(100us);
    return 1;
}

task<void> call_often(simulation* in, calls* seen, int count) {
    for (int i = 0; i < count; ++i) {
        const instant began = in->now();
        auto found = co_await blocking(look_up);
        if (found) {
            ++seen->answered;
        } else if (found.error() == errc::thread_unavailable) {
            ++seen->refused;
        } else {
            ++seen->other;
        }
        seen->worst = std::max(seen->worst, in->now() - began);
    }
}

// Nobody waits for a thread that will not come: each call ends, with an answer or an error.
TEST(ThreadUnavailable, IsToldToTheCallThatNeedsTheThread) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + seeds; ++seed) {
        for (std::uint64_t k = 1; k <= 4; ++k) {
            for (const fault_when when : {nth(k), from(k)}) {
                calls seen;
                town place(seed,
                           {{.kind = thread_unavailable, .when = when, .site = "thread.blocking"}});
                for (int i = 0; i < 4; ++i) {
                    place.start("a", call_often, &place.sim, &seen, 5);
                }
                place.run();
                EXPECT_EQ(seen.answered + seen.refused, 20) << place.sim.replay() << " k=" << k;
                EXPECT_EQ(seen.other, 0) << place.sim.replay();
                if (k == 1) {
                    place.expect_fired(thread_unavailable);
                    EXPECT_GT(seen.refused, 0) << place.sim.replay();
                } else {
                    EXPECT_EQ(seen.refused, 0) << "another thread of the pool is alive";
                }
            }
        }
    }
}

TEST(ThreadUnavailable, KeepsTheRuntimeFromStartingAndLeavesNothing) {
    for (std::uint64_t k = 1; k <= 3; ++k) {
        simulation sim(seed_or(1), with_shared_carriers());
        sim.faults().add({.kind = thread_unavailable, .when = nth(k)});
        runtime rt(sim.world(), quiet(2));
        const auto started = rt.start();
        ASSERT_FALSE(started) << "k=" << k;
        EXPECT_EQ(started.error(), errc::thread_unavailable);
        EXPECT_TRUE(rt.stop());
        EXPECT_EQ(sim.network().open_fds(), 0U);
    }
}

// A neighbour's calls that stall take threads, not other people's time.
TEST(BlockingStalls, LeaveTheCallsOfOthersAlone) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + seeds; ++seed) {
        calls stalled;
        calls seen;
        town place(seed, {{.kind = blocking_stalls, .tenant = "a", .value = 1'000'000'000}});
        for (int i = 0; i < 30; ++i) {
            place.start("a", call_often, &place.sim, &stalled, 1);
        }
        place.start("b", call_often, &place.sim, &seen, 20);
        place.run();
        EXPECT_EQ(stalled.answered, 30) << place.sim.replay();
        EXPECT_GE(stalled.worst, 1s);
        EXPECT_EQ(seen.answered, 20) << place.sim.replay();
        EXPECT_LT(seen.worst, 10ms) << place.sim.replay();
    }
}

// A call that never returns does not keep the runtime from stopping: the deadline passes, and the
// log names what is left.
TEST(BlockingStalls, ForEverAreLeftBehindAtTheDeadline) {
    calls seen;
    std::string told;
    runtime_options options = quiet(2);
    options.log = [&told](const std::string& line) { told += line + '\n'; };
    options.shutdown_deadline = 1s;
    simulation sim(seed_or(1), with_shared_carriers());
    sim.faults().add({.kind = blocking_stalls, .tenant = "a", .value = stuck});
    {
        runtime rt(sim.world(), options);
        ASSERT_TRUE(rt.start());
        EXPECT_TRUE(rt.try_spawn(rt.tenants().get_or_create("a"), call_often, &sim, &seen, 1));
        sim.run_for(100ms);
        const instant began = sim.now();
        const auto stopped = rt.stop();
        ASSERT_FALSE(stopped);
        EXPECT_EQ(stopped.error(), errc::deadline_exceeded);
        EXPECT_LT(sim.now() - began, 2s);
    }
    EXPECT_NE(told.find("1 blocking threads"), std::string::npos) << told;
    EXPECT_NE(told.find("tenant 'a' has 1 tasks"), std::string::npos) << told;
}

int call_again(runtime* rt, simulation* in, calls* seen);

task<void> nested_call(runtime* rt, simulation* in, calls* seen) {
    auto outer = co_await blocking(call_again, rt, in, seen);
    seen->answered += outer ? 1 : 0;
}

int call_again(runtime* rt, simulation* in, calls* seen) {
    auto inner = rt->sync_wait(rt->tenants().get_or_create("a"), call_often, in, seen, 1);
    return inner ? 1 : 0;
}

// A call that waits for a task that needs the same pool gives its place away meanwhile.
TEST(PoolAtCap, IsNoDeadlockForCallsInsideCalls) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + seeds; ++seed) {
        calls seen;
        town place(seed, {{.kind = pool_at_cap, .site = "pool.blocking", .value = 1}});
        for (int i = 0; i < 4; ++i) {
            place.start("a", nested_call, &place.rt, &place.sim, &seen);
        }
        place.run();
        place.expect_fired(pool_at_cap);
        EXPECT_EQ(seen.answered, 8) << place.sim.replay();
    }
}

task<void> work(simulation* in, duration* ended_after, duration cost) {
    sim::spend(cost);
    *ended_after = std::max(*ended_after, in->now() - long_ago);
    co_return;
}

// One worker hardly moves: the other one takes what is queued there.
TEST(WorkerSlow, LosesItsWorkToTheOthers) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + seeds; ++seed) {
        duration ended_after{};
        town place(seed, {{.kind = worker_slow, .site = "worker.step.1", .value = 20'000'000}});
        const duration began = place.sim.now() - long_ago;
        for (int i = 0; i < 100; ++i) {
            place.start("a", work, &place.sim, &ended_after, duration(60us));
        }
        place.run();
        place.expect_fired(worker_slow);
        EXPECT_LT(ended_after - began, 100ms) << place.sim.replay();
    }
}

task<int> needs_a_frame() {
    co_return 1;
}

task<void> take_frames(int count) {
    for (int i = 0; i < count; ++i) {
        auto frame = needs_a_frame();
        co_await std::move(frame);
        co_await yield_now();
    }
}

task<void> tick(simulation* in, duration* worst) {
    for (int i = 0; i < 60; ++i) {
        const instant began = in->now();
        auto slept = co_await sleep_for(1ms);
        if (!slept) {
            co_return;
        }
        *worst = std::max(*worst, in->now() - began);
    }
}

// The thread of the only worker stands still inside a task: its core goes on without it.
TEST(WorkerPaused, LosesItsCoreToAnotherThread) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + seeds; ++seed) {
        duration worst{};
        town place(seed,
                   {{.kind = worker_paused, .when = nth(7), .tenant = "a", .site = "worker.frame"}},
                   quiet(1));
        place.start("b", tick, &place.sim, &worst);
        place.start("a", take_frames, 20);
        place.run();
        place.expect_fired(worker_paused);
        EXPECT_LT(worst, 10ms) << place.sim.replay();
        EXPECT_GT(place.sim.now() - long_ago, 5s);
    }
}

task<int> deep(int levels) {
    if (levels == 0) {
        co_return 0;
    }
    auto below = deep(levels - 1);
    const int sum = co_await std::move(below);
    co_return sum + 1;
}

task<void> go_deep(int* sum) {
    auto all = deep(20'000);
    const int counted = co_await std::move(all);
    *sum = counted;
}

// Coroutines stand on the heap, and none resumes another on top of its own stack.
TEST(StackShallow, IsEnoughForAwaitsInsideAwaits) {
    int sum = 0;
    town place(seed_or(1), {{.kind = stack_shallow, .value = 64 * 1024}});
    place.start("a", go_deep, &sum);
    place.run();
    place.expect_fired(stack_shallow);
    EXPECT_EQ(sum, 20'000);
}

struct journey {
    int rounds = 0;
    int moved = 0;
};

task<void> travel(journey* seen, bool pinned) {
    runnable& self = co_await this_task();
    self.pinned = pinned;
    const std::uint16_t home = self.core;
    for (int i = 0; i < 50; ++i) {
        auto slept = co_await sleep_for(100us);
        if (!slept) {
            co_return;
        }
        ++seen->rounds;
        seen->moved += self.core == home ? 0 : 1;
    }
}

// A task may go on anywhere after any wait; one that is pinned may not.
TEST(TaskMigrates, UnlessItIsPinned) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + seeds; ++seed) {
        journey free;
        journey pinned;
        town place(seed, {{.kind = task_migrates, .when = probability(0.5)}});
        for (int i = 0; i < 4; ++i) {
            place.start("a", travel, &free, false);
            place.start("a", travel, &pinned, true);
        }
        place.run();
        place.expect_fired(task_migrates);
        EXPECT_EQ(free.rounds, 200) << place.sim.replay();
        EXPECT_GT(free.moved, 20) << place.sim.replay();
        EXPECT_EQ(pinned.rounds, 200) << place.sim.replay();
        EXPECT_EQ(pinned.moved, 0) << place.sim.replay();
    }
}

}  // namespace
}  // namespace drama::faults
