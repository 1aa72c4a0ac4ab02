// SPDX-License-Identifier: Apache-2.0
// Small worlds around the pools: blocking and compute functions, threads that wait inside them, and
// tasks that hog their worker.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/sim/explore/sim_test.hpp"
#include "drama/sync/event.hpp"

namespace drama {
namespace {

struct pool_log {
    int calls = 0;
    int answers = 0;
    int inside = 0;
    int most = 0;
    runtime* rt = nullptr;
    event arrived;
};

int look_up(pool_log* in, duration cost) {
    in->most = std::max(in->most, ++in->inside);
    sim::block(cost);
    --in->inside;
    return ++in->calls;
}

task<void> call_often(pool_log* in, int times, duration cost) {
    for (int i = 0; i != times; ++i) {
        auto found = co_await blocking(look_up, in, cost);
        EXPECT_TRUE(found);
        in->answers += found ? 1 : 0;
    }
}

DRAMA_SIM_TEST(PoolScenario, EveryBlockingCallIsAnswered) {
    auto& in = world.keep<pool_log>();
    const int tasks = static_cast<int>(world.capacity(6));
    const int times = static_cast<int>(world.capacity(4));
    for (int i = 0; i != tasks; ++i) {
        world.start_as("node", "tenant " + std::to_string(i % 3), call_often, &in, times,
                       duration(100us) * (1 + i % 3));
    }
    world.finally([&in, tasks, times] { EXPECT_EQ(in.answers, tasks * times); });
}

int pack(pool_log* in, duration cost) {
    sim::spend(cost);
    return ++in->calls;
}

task<void> compute_often(pool_log* in, int times, duration cost) {
    for (int i = 0; i != times; ++i) {
        auto packed = co_await compute(pack, in, cost);
        EXPECT_TRUE(packed);
        in->answers += packed ? 1 : 0;
    }
}

DRAMA_SIM_TEST(PoolScenario, EveryComputationIsAnswered) {
    auto& in = world.keep<pool_log>();
    const int tasks = static_cast<int>(world.capacity(5));
    const int times = static_cast<int>(world.capacity(3));
    for (int i = 0; i != tasks; ++i) {
        world.start_as("node", "tenant " + std::to_string(i % 2), compute_often, &in, times,
                       duration(200us) * (1 + i % 8));
    }
    world.finally([&in, tasks, times] { EXPECT_EQ(in.answers, tasks * times); });
}

task<int> short_sleep(duration length) {
    auto slept = co_await sleep_for(length);
    co_return slept ? 1 : 0;
}

int wait_inside(pool_log* in, duration length) {
    auto slept = in->rt->sync_wait(in->rt->tenants().get_or_create("inner"), short_sleep, length);
    in->calls += slept.value_or(0);
    return slept.value_or(0);
}

task<void> call_nested(pool_log* in, duration length) {
    auto waited = co_await blocking(wait_inside, in, length);
    EXPECT_EQ(waited.value_or(0), 1);
    in->answers += waited ? 1 : 0;
}

DRAMA_SIM_TEST(PoolScenario, AThreadThatWaitsInsideItsCallGetsWhatItWaitsFor) {
    auto& in = world.keep<pool_log>();
    in.rt = &world.node("node").rt();
    const int tasks = static_cast<int>(world.capacity(5));
    for (int i = 0; i != tasks; ++i) {
        world.start_as("node", "tenant " + std::to_string(i % 2), call_nested, &in,
                       duration(30us) * (1 + i));
    }
    world.finally([&in, tasks] { EXPECT_EQ(in.answers, tasks); });
}

task<void> hog(pool_log* in, duration length) {
    sim::spend(length);
    ++in->answers;
    co_return;
}

task<void> tick(pool_log* in, int times) {
    for (int i = 0; i != times; ++i) {
        auto slept = co_await sleep_for(200us);
        in->calls += slept ? 1 : 0;
    }
}

DRAMA_SIM_TEST(PoolScenario, AHogKeepsNobodyFromRunning) {
    auto& in = world.keep<pool_log>();
    const int hogs = static_cast<int>(world.capacity(3));
    for (int i = 0; i != hogs; ++i) {
        world.start_as("node", "hog", hog, &in, duration(3ms) * (1 + i));
    }
    world.start_as("node", "victim", tick, &in, 8);
    world.finally([&in, hogs] {
        EXPECT_EQ(in.answers, hogs);
        EXPECT_EQ(in.calls, 8);
    });
}

int announce(pool_log* in, duration cost) {
    sim::block(cost);
    in->arrived.set();
    return 1;
}

task<void> wait_for_call(pool_log* in) {
    auto waited = co_await in->arrived.wait();
    in->answers += waited ? 1 : 0;
}

task<void> call_and_announce(pool_log* in, duration cost) {
    auto done = co_await blocking(announce, in, cost);
    EXPECT_TRUE(done);
}

DRAMA_SIM_TEST(PoolScenario, ABlockingThreadWakesTasks) {
    auto& in = world.keep<pool_log>();
    const int tasks = static_cast<int>(world.capacity(6));
    for (int i = 0; i != tasks; ++i) {
        world.start_as("node", "tenant " + std::to_string(i % 2), wait_for_call, &in);
    }
    world.start_as("node", "caller", call_and_announce, &in,
                   duration(1us * static_cast<int>(world.random().below(100))));
    world.finally([&in, tasks] { EXPECT_EQ(in.answers, tasks); });
}

}  // namespace
}  // namespace drama
