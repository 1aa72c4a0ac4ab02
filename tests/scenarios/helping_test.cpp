// SPDX-License-Identifier: Apache-2.0
// Who runs what when several may: children that are waited for, blocking calls that are short. In
// virtual time, so that threads and moments are exact.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"

namespace drama {
namespace {

runtime_options one_worker() {
    runtime_options options;
    options.workers = 1;
    options.log = [](const std::string&) {};
    return options;
}

task<void> note(std::vector<int>* order, int number) {
    order->push_back(number);
    co_return;
}

task<result<void>> join_in_order(scope_handle scope, std::vector<int>* order) {
    std::array<join_handle<void>, 4> children;
    for (int i = 0; i < 4; ++i) {
        auto child = scope.spawn(note, order, i);
        if (!child) {
            co_return fail(child.error());
        }
        children[static_cast<std::size_t>(i)] = *std::move(child);
    }
    for (auto& each : children) {
        auto joined = co_await each.join();
        if (!joined) {
            co_return fail(joined.error());
        }
        order->push_back(-1);  // the parent goes on at once
    }
    co_return result<void>();
}

TEST(Helping, AParentRunsTheChildThatItWaitsForNext) {
    const std::uint64_t seed = seed_or(1);
    simulation sim(seed);
    runtime rt(sim.world(), one_worker());
    std::vector<int> order;

    const auto done = rt.run(in_scope(join_in_order, &order));

    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(order, (std::vector<int>{0, -1, 1, -1, 2, -1, 3, -1})) << sim.replay();
}

struct spawners {
    simulation* sim;
    std::array<std::size_t, 2> on{};  // where each was seen last
    int apart = 0;                    // how often they ran on different cores
};

task<void> spend_little() {
    sim::spend(200ns);
    co_return;
}

task<result<void>> spawn_many(scope_handle scope, spawners* in, std::size_t which) {
    runnable& self = co_await this_task();
    for (int i = 0; i < 20'000; ++i) {
        auto child = scope.spawn(spend_little);
        if (!child) {
            co_return fail(child.error());
        }
        if (i % 64 == 63) {
            auto gone_on = co_await yield_now();
            if (!gone_on) {
                co_return gone_on;
            }
            in->on[which] = self.core;
            in->apart += in->on[0] != in->on[1] ? 1 : 0;
        }
    }
    co_return result<void>();
}

task<result<void>> spawn_from(spawners* in, std::size_t which) {
    co_return co_await in_scope(spawn_many, in, which);
}

task<result<void>> spawn_from_two(spawners* in) {
    auto both = co_await when_all(spawn_from(in, 0), spawn_from(in, 1));
    co_return both ? result<void>() : fail(both.error());
}

TEST(Helping, TwoThatSpawnTinyTasksGetACoreEach) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 5; ++seed) {
        simulation sim(seed);
        runtime_options options = one_worker();
        options.workers = 2;
        runtime rt(sim.world(), options);
        ASSERT_TRUE(rt.start());
        spawners seen{&sim};
        const tenant own = rt.tenants().get_or_create("own");
        spawners before{&sim};
        // The cores know the tasks as tiny after that.
        ASSERT_TRUE(rt.sync_wait(own, spawn_from, &before, std::size_t{0}));

        const auto done = rt.sync_wait(own, spawn_from_two, &seen);

        ASSERT_TRUE(done) << done.error().message();
        EXPECT_GE(seen.apart, 400) << replay_line(seed);  // of 624
    }
}

struct calls {
    simulation* sim;
    runtime* rt;
    std::size_t threads = 0;
    duration longest_wait{};
};

void take(calls* in, instant asked, duration cost) {
    in->longest_wait = std::max(in->longest_wait, in->sim->now() - asked);
    sim::spend(cost);
}

task<result<void>> call(calls* in, duration cost) {
    auto called = co_await blocking(take, in, in->sim->now(), cost);
    in->threads = std::max(in->threads, in->rt->stats().blocking_threads);
    co_return called;
}

task<result<void>> call_at_once(scope_handle scope, calls* in, int count, duration cost) {
    for (int i = 0; i < count; ++i) {
        auto child = scope.spawn(call, in, cost);
        if (!child) {
            co_return fail(child.error());
        }
    }
    co_return result<void>();
}

task<result<void>> short_then_long(calls* in, calls* later) {
    for (int i = 0; i < 50; ++i) {
        auto done = co_await call(in, 1us);
        if (!done) {
            co_return done;
        }
    }
    auto many = in_scope(call_at_once, in, 64, duration(1us));
    auto done = co_await std::move(many);
    if (!done) {
        co_return done;
    }
    auto lasting = in_scope(call_at_once, later, 64, duration(50ms));
    co_return co_await std::move(lasting);
}

TEST(Helping, ShortBlockingCallsShareThreadsAndLongOnesGetTheirOwn) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 5; ++seed) {
        simulation sim(seed);
        runtime rt(sim.world(), one_worker());
        calls shorts{&sim, &rt};
        calls longs{&sim, &rt};

        const auto done = rt.run(short_then_long(&shorts, &longs));

        ASSERT_TRUE(done) << done.error().message();
        EXPECT_LE(shorts.threads, 4U) << replay_line(seed);
        EXPECT_GE(longs.threads, 64U) << replay_line(seed);
        EXPECT_LE(longs.longest_wait, 5ms) << replay_line(seed);
    }
}

task<result<void>> call_now_and_then(calls* in) {
    for (int i = 0; i < 40; ++i) {
        auto slept = co_await sleep_for(5ms);
        if (!slept) {
            co_return fail(slept.error());
        }
        auto done = co_await call(in, 1ms);
        if (!done) {
            co_return done;
        }
    }
    co_return result<void>();
}

task<result<void>> flood_calls(calls* in) {
    auto many = in_scope(call_at_once, in, 100, duration(50ms));
    co_return co_await std::move(many);
}

TEST(Helping, ANewcomerNeedNotWaitForTheBlockingCallsOfOthersToEnd) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 5; ++seed) {
        for (const policy order : {policy::fair, policy::fifo}) {
            simulation sim(seed);
            runtime_options options = one_worker();
            options.blocking_threads_max = 8;
            options.order = order;
            runtime rt(sim.world(), options);
            ASSERT_TRUE(rt.start());
            sim.watch(rt);
            calls of_flood{&sim, &rt};
            calls of_newcomer{&sim, &rt};

            ASSERT_TRUE(rt.try_spawn(rt.tenants().get_or_create("flood"), flood_calls, &of_flood));
            ASSERT_TRUE(rt.try_spawn(rt.tenants().get_or_create("newcomer"), call_now_and_then,
                                     &of_newcomer));

            EXPECT_TRUE(sim.run_to_end());
            if (order == policy::fair) {
                EXPECT_LE(of_newcomer.longest_wait, 3ms) << replay_line(seed);
            } else {
                EXPECT_GE(of_newcomer.longest_wait, 300ms) << replay_line(seed);
            }
            EXPECT_TRUE(rt.stop());
        }
    }
}

}  // namespace
}  // namespace drama
