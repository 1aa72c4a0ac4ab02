// SPDX-License-Identifier: Apache-2.0
// One task hogs the only worker: with the hand-over another tenant hardly notices, without it it
// waits until the hog is done. Bounds in virtual time.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "drama/coro/sleep.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"

namespace drama {
namespace {

constexpr duration hog_time = 50ms;
constexpr duration timer_tick = 66us;

struct delays {
    duration worst{};
    int rounds = 0;
};

task<void> hog() {
    auto slept = co_await sleep_for(5ms);
    if (slept) {
        sim::spend(hog_time);
    }
}

task<void> victim(simulation* in, delays* seen) {
    while (seen->rounds < 60) {
        const instant began = in->now();
        auto slept = co_await sleep_for(1ms);
        if (!slept) {
            co_return;
        }
        seen->worst = std::max(seen->worst, in->now() - began - 1ms);
        ++seen->rounds;
    }
}

delays run(std::uint64_t seed, bool hand_over) {
    simulation sim(seed);
    runtime_options options;
    options.workers = 1;
    options.hand_over = hand_over;
    options.log = [](const std::string&) {};
    runtime rt(sim.world(), options);
    sim.watch(rt);
    EXPECT_TRUE(rt.start());
    delays seen;
    EXPECT_TRUE(rt.try_spawn(rt.tenants().get_or_create("victim"), victim, &sim, &seen));
    EXPECT_TRUE(rt.try_spawn(rt.tenants().get_or_create("hog"), hog));
    EXPECT_TRUE(sim.run_to_end());
    EXPECT_EQ(rt.stats().hand_overs, hand_over ? 1U : 0U) << sim.replay();
    EXPECT_TRUE(rt.stop());
    return seen;
}

TEST(HandOver, AHogDelaysAnotherTenantByLittleMoreThanTheLimit) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 20; ++seed) {
        const delays seen = run(seed, true);
        ASSERT_EQ(seen.rounds, 60) << replay_line(seed);
        ASSERT_LE(seen.worst, 1500us + timer_tick + 200us) << replay_line(seed);
    }
}

TEST(HandOver, WithoutItTheVictimWaitsForTheHog) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 5; ++seed) {
        const delays seen = run(seed, false);
        ASSERT_EQ(seen.rounds, 60) << replay_line(seed);
        ASSERT_GT(seen.worst, hog_time - 2ms) << replay_line(seed);
    }
}

}  // namespace
}  // namespace drama
