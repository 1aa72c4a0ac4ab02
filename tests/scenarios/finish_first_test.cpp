// SPDX-License-Identifier: Apache-2.0
// Finish first: what is near its end goes before what would begin, inside a tenant, softly and with
// a bound.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/gate/begin_gate.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"

namespace drama {
namespace {

constexpr duration function_cost = 1ms;

/// What came of some requests that arrived one after the other.
struct outcome {
    int begun = 0;  ///< now, and not ended
    int begun_most = 0;
    int waited = 0;  ///< of them, before they began
    duration longest_wait{};
    std::vector<int> order;  ///< in which they began
    instant ended{};
};

void work_it() {
    sim::spend(function_cost);
}

task<void> request(int number, duration gap, bool computes, outcome* seen) {
    runnable& self = co_await this_task();
    auto slept = co_await sleep_for(gap * number);
    EXPECT_TRUE(slept);
    const instant arrived = self.home->now();
    if (internal::has_nearer_work(self)) {
        ++seen->waited;
        internal::begin_awaiter waiting(self, std::source_location::current());
        auto begun = co_await waiting;
        EXPECT_TRUE(begun);
    }
    seen->longest_wait = std::max(seen->longest_wait, self.home->now() - arrived);
    seen->order.push_back(number);
    seen->begun_most = std::max(seen->begun_most, ++seen->begun);
    self.input_complete = true;
    if (computes) {
        auto done = co_await compute(work_it);
        EXPECT_TRUE(done);
    }
    --seen->begun;
    seen->ended = self.home->now();
    internal::note_request_ended(self);
}

outcome serve(int requests, duration gap, bool class_order, policy order = policy::fair) {
    simulation sim(seed_or(1));
    runtime_options options;
    options.workers = 1;
    options.compute_threads = 1;
    options.class_order = class_order;
    options.order = order;
    options.log = [](const std::string&) {};
    runtime rt(sim.world(), options);
    sim.watch(rt);
    EXPECT_TRUE(rt.start());
    outcome seen;
    for (int i = 0; i < requests; ++i) {
        EXPECT_TRUE(rt.try_spawn(rt.tenants().get_or_create("t"), request, i, gap, true, &seen));
    }
    EXPECT_TRUE(sim.run_to_end()) << sim.replay();
    EXPECT_TRUE(rt.stop());
    return seen;
}

TEST(FinishFirst, WhatHasNotBegunWaitsWhileFunctionsWait) {
    const outcome on = serve(40, 100us, true);
    const outcome off = serve(40, 100us, false);

    EXPECT_EQ(on.begun, 0);
    EXPECT_GT(on.waited, 20);
    EXPECT_EQ(off.waited, 0);
    EXPECT_LE(on.begun_most, off.begun_most * 6 / 10) << off.begun_most;
    for (std::size_t i = 0; i != on.order.size(); ++i) {
        EXPECT_LE(std::abs(on.order[i] - static_cast<int>(i)), 4) << "about as they arrived";
    }
    EXPECT_LE(on.ended - off.ended, 500us) << "no thread idles for it";
}

TEST(FinishFirst, NothingWaitsForLongerThanTheBound) {
    const outcome flood = serve(500, 50us, true);

    EXPECT_EQ(flood.begun, 0);
    EXPECT_GT(flood.waited, 400);
    // The timer's slack, and a turn.
    EXPECT_LE(flood.longest_wait, internal::begin_gate::longest + 2ms);
    EXPECT_GT(flood.longest_wait, internal::begin_gate::longest / 2);
}

TEST(FinishFirst, IsOffUnderFifo) {
    EXPECT_EQ(serve(12, 500us, true, policy::fifo).waited, 0);
}

TEST(FinishFirst, LeavesOtherTenantsAlone) {
    simulation sim(seed_or(1));
    runtime_options options;
    options.workers = 1;
    options.compute_threads = 1;
    options.log = [](const std::string&) {};
    runtime rt(sim.world(), options);
    sim.watch(rt);
    ASSERT_TRUE(rt.start());
    outcome busy;
    outcome other;
    for (int i = 0; i < 12; ++i) {
        ASSERT_TRUE(
            rt.try_spawn(rt.tenants().get_or_create("busy"), request, i, 100us, true, &busy));
        ASSERT_TRUE(
            rt.try_spawn(rt.tenants().get_or_create("other"), request, i, 500us, false, &other));
    }
    EXPECT_TRUE(sim.run_to_end()) << sim.replay();
    EXPECT_TRUE(rt.stop());

    EXPECT_GT(busy.waited, 0);
    EXPECT_EQ(other.waited, 0);
}

}  // namespace
}  // namespace drama
