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

// Another task must wait, else a hog keeps the core.
task<void> bystander(const int* hogs_left) {
    while (*hogs_left > 0) {
        auto slept = co_await sleep_for(1ms);
        if (!slept) {
            co_return;
        }
    }
}

task<void> counted_hog(int* hogs_left, duration cost) {
    sim::spend(cost);
    --*hogs_left;
    co_return;
}

struct hog_world {
    explicit hog_world(std::uint64_t seed) : sim(seed, one_cpu()), rt(sim.world(), one_worker()) {
        sim.watch(rt);
        EXPECT_TRUE(rt.start());
    }
    ~hog_world() { EXPECT_TRUE(rt.stop()); }

    static sim_options one_cpu() {
        sim_options options;
        options.cpus = 1;
        return options;
    }
    static runtime_options one_worker() {
        runtime_options options;
        options.workers = 1;
        options.log = [](const std::string&) {};
        return options;
    }
    void spawn_hog(const std::string& by, duration cost = 10ms) {
        ++hogs_left;
        EXPECT_TRUE(rt.try_spawn(rt.tenants().get_or_create(by), counted_hog, &hogs_left, cost));
    }
    void run() {
        EXPECT_TRUE(rt.try_spawn(rt.tenants().system(), bystander, &hogs_left));
        EXPECT_TRUE(sim.run_to_end(1s)) << sim.replay();
        EXPECT_EQ(hogs_left, 0) << sim.replay();
    }
    std::size_t ended_threads() {
        const std::string threads = sim.world().describe_threads();
        std::size_t count = 0;
        for (std::size_t at = threads.find("ended"); at != std::string::npos;
             at = threads.find("ended", at + 1)) {
            ++count;
        }
        return count;
    }

    simulation sim;
    runtime rt;
    int hogs_left = 0;
};

TEST(HandOver, DemotedThreadsRestWithoutATimerAndThoseInSurplusEnd) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 5; ++seed) {
        hog_world with(seed);
        for (const char* const tenant : {"one", "two", "three"}) {
            with.spawn_hog(tenant);
        }
        with.run();
        ASSERT_EQ(with.rt.stats().hand_overs, 3U) << replay_line(seed);
        const instant began = with.sim.now();

        with.sim.run_until_idle();  // returns: nothing goes on by itself

        EXPECT_LE(with.sim.now() - began, 11s) << replay_line(seed);
        EXPECT_EQ(with.ended_threads(), 2U) << with.sim.world().describe_threads();
        const std::uint64_t steps = with.sim.world().steps();
        with.sim.run_for(1h);
        EXPECT_EQ(with.sim.world().steps(), steps) << replay_line(seed);
    }
}

TEST(HandOver, ADemotedThreadThatRestsIsWokenForDemotedWork) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 5; ++seed) {
        hog_world with(seed);
        const tenant hog = with.rt.tenants().get_or_create("hog");
        for (int i = 0; i < 4; ++i) {
            EXPECT_EQ(hog.usage().demoted_turns.read(), 0U) << replay_line(seed);
            with.spawn_hog("hog");
            with.run();
            with.sim.run_until_idle();
        }

        EXPECT_EQ(with.rt.stats().hand_overs, 3U) << replay_line(seed);
        EXPECT_EQ(hog.usage().demoted_turns.read(), 1U) << replay_line(seed);
    }
}

TEST(HandOver, ASiteThatHasBecomeCalmGoesBackToTheCores) {
    const std::uint64_t seed = seed_or(1);
    hog_world with(seed);
    const tenant hog = with.rt.tenants().get_or_create("hog");
    const auto run_some = [&](std::uint32_t tasks, duration cost) {
        for (std::uint32_t i = 0; i < tasks; ++i) {
            with.spawn_hog("hog", cost);
            with.run();
            with.sim.run_until_idle();
        }
        return hog.usage().demoted_turns.read();
    };
    constexpr std::uint32_t calm = tenant_record::calm_polls_until_forgiven;

    EXPECT_EQ(run_some(tenant_record::overruns_until_demoted, 10ms), 0U) << replay_line(seed);
    EXPECT_EQ(run_some(10, 10us), 10U) << replay_line(seed);
    EXPECT_EQ(run_some(1, 10ms), 11U) << replay_line(seed);  // begins to count anew
    EXPECT_EQ(run_some(calm, 10us), 11 + calm) << replay_line(seed);

    EXPECT_EQ(run_some(5, 10us), 11 + calm) << replay_line(seed);
}

// One poll of `rounds` times `on` the CPU and `off` it.
struct poll_shape {
    duration on;
    duration off;
    int rounds;
};

task<void> half_idle(poll_shape shape) {
    auto slept = co_await sleep_for(5ms);
    if (slept) {
        for (int i = 0; i < shape.rounds; ++i) {
            sim::spend(shape.on);
            sim::block(shape.off);
        }
    }
}

struct seen_of_shape {
    delays of_victim;
    std::uint64_t hand_overs = 0;
    bool is_blamed = false;
};

// Four tasks of that shape from one site, one after the other.
seen_of_shape run_shape(std::uint64_t seed, poll_shape shape) {
    hog_world with(seed);
    seen_of_shape seen;
    const tenant payer = with.rt.tenants().get_or_create("half idle");
    for (int i = 0; i < 4; ++i) {
        seen.of_victim.rounds = 0;
        EXPECT_TRUE(with.rt.try_spawn(payer, half_idle, shape));
        EXPECT_TRUE(with.rt.try_spawn(with.rt.tenants().get_or_create("victim"), victim, &with.sim,
                                      &seen.of_victim));
        EXPECT_TRUE(with.sim.run_to_end(10s)) << with.sim.replay();
    }
    seen.hand_overs = with.rt.stats().hand_overs;
    seen.is_blamed = payer.usage().demoted_turns.read() != 0;
    return seen;
}

TEST(HandOver, AThreadThatOthersKeepFromRunningKeepsItsCore) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 10; ++seed) {
        for (const poll_shape shape : {poll_shape{100us, 4ms, 1}, poll_shape{200us, 600us, 5}}) {
            const seen_of_shape seen = run_shape(seed, shape);
            ASSERT_EQ(seen.hand_overs, 0U) << replay_line(seed);
            ASSERT_LE(seen.of_victim.worst, 4100us + timer_tick + 200us) << replay_line(seed);
        }
    }
}

TEST(HandOver, AThreadThatWaitsInTheKernelLosesItsCoreLaterAndIsNotBlamed) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 10; ++seed) {
        for (const poll_shape shape : {poll_shape{0us, 30ms, 1}, poll_shape{100us, 400us, 60}}) {
            const seen_of_shape seen = run_shape(seed, shape);
            ASSERT_EQ(seen.hand_overs, 4U) << replay_line(seed);
            ASSERT_FALSE(seen.is_blamed) << replay_line(seed);
            ASSERT_GE(seen.of_victim.worst, 4ms) << replay_line(seed);
            ASSERT_LE(seen.of_victim.worst, 5ms + 500us + timer_tick + 200us) << replay_line(seed);
        }
    }
}

TEST(HandOver, AThreadThatBurnsHalfOfTheTimeLosesItsCoreAtOnce) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 10; ++seed) {
        const seen_of_shape seen = run_shape(seed, {70us, 30us, 300});
        ASSERT_EQ(seen.hand_overs, 3U) << replay_line(seed);
        ASSERT_TRUE(seen.is_blamed) << replay_line(seed);
        ASSERT_LE(seen.of_victim.worst, 1500us + timer_tick + 200us) << replay_line(seed);
    }
}

task<void> set_free(bool* is_free) {
    *is_free = true;
    co_return;
}

// Spins, as a loop over an atomic would, until its child has run.
task<result<void>> spin_for_child(scope_handle scope, int* left) {
    bool is_free = false;
    auto child = scope.spawn(set_free, &is_free);
    while (!is_free) {
        sim::spend(5ms);
    }
    auto joined = co_await child->join();
    --*left;
    co_return joined;
}

task<void> spin_in_scope(int* left) {
    auto spun = co_await in_scope(spin_for_child, left);
    static_cast<void>(spun);
}

TEST(HandOver, ThreadsThatHoldAllPermitsAndWaitForWhatStandsBehindThemGoOn) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 3; ++seed) {
        hog_world with(seed);
        int left = 2;
        for (int i = 0; i < 2; ++i) {
            ASSERT_TRUE(
                with.rt.try_spawn(with.rt.tenants().get_or_create("one"), spin_in_scope, &left));
        }
        ASSERT_TRUE(with.sim.run_to_end(20s)) << with.sim.replay();
        EXPECT_EQ(left, 0) << with.sim.replay();
    }
}

}  // namespace
}  // namespace drama
