// SPDX-License-Identifier: Apache-2.0
// The only CPU permit goes from one that burns to another as soon as it is free: from a demoted
// task to a function, and back. Bounds in virtual time.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"

namespace drama {
namespace {

struct burners {
    simulation* sim = nullptr;
    int left = 0;  // hogs
    std::vector<instant> functions_began;
    instant function_ended = long_ago;
    instant hog_began = long_ago;
    instant hog_ended = long_ago;
};

task<void> hog(burners* all, duration cost) {
    all->hog_began = all->sim->now();
    sim::spend(cost);
    all->hog_ended = all->sim->now();
    --all->left;
    co_return;
}

void burn(burners* all, duration cost) {
    all->functions_began.push_back(all->sim->now());
    sim::spend(cost);
    all->function_ended = all->sim->now();
}

task<void> compute_after(burners* all, duration pause, int times, duration cost) {
    auto slept = co_await sleep_for(pause);
    for (int i = 0; slept && i < times; ++i) {
        auto done = co_await compute(burn, all, cost);
        if (!done) {
            co_return;
        }
    }
}

// Another task must wait, else a hog keeps the core.
task<void> bystander(const burners* all) {
    while (all->left > 0) {
        auto slept = co_await sleep_for(1ms);
        if (!slept) {
            co_return;
        }
    }
}

struct one_permit {
    explicit one_permit(std::uint64_t seed) : sim(seed, one_cpu()), rt(sim.world(), one_worker()) {
        all.sim = &sim;
        sim.watch(rt);
        EXPECT_TRUE(rt.start());
    }
    ~one_permit() { EXPECT_TRUE(rt.stop()); }

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
    void spawn_hog(duration cost) {
        ++all.left;
        EXPECT_TRUE(rt.try_spawn(rt.tenants().get_or_create("hog"), hog, &all, cost));
    }
    void spawn_functions(duration pause, int times, duration cost) {
        EXPECT_TRUE(rt.try_spawn(rt.tenants().get_or_create("functions"), compute_after, &all,
                                 pause, times, cost));
    }
    void run() {
        EXPECT_TRUE(rt.try_spawn(rt.tenants().system(), bystander, &all));
        EXPECT_TRUE(sim.run_to_end(1s)) << sim.replay();
    }

    simulation sim;
    runtime rt;
    burners all;
};

// Some functions may start without a permit, until they are known to take long.
constexpr int functions = 8;

TEST(Permit, OfADemotedTaskGoesToTheFunctionThatWaits) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 20; ++seed) {
        one_permit with(seed);
        with.spawn_functions(0ms, 4, 5ms);
        with.run();

        with.spawn_hog(20ms);
        for (int i = 0; i < functions; ++i) {
            with.spawn_functions(5ms, 1, 50ms);
        }
        with.run();

        EXPECT_EQ(with.rt.stats().hand_overs, 1U) << replay_line(seed);
        const auto next = std::ranges::lower_bound(with.all.functions_began, with.all.hog_ended);
        ASSERT_NE(next, with.all.functions_began.end()) << replay_line(seed);
        EXPECT_LE(*next - with.all.hog_ended, 150us) << replay_line(seed);
    }
}

TEST(Permit, OfAFunctionGoesToTheDemotedTaskThatWaits) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 20; ++seed) {
        one_permit with(seed);
        with.spawn_functions(0ms, 4, 5ms);
        for (std::uint32_t i = 0; i < tenant_record::overruns_until_demoted; ++i) {
            with.spawn_hog(10ms);
            with.run();
        }
        with.sim.run_until_idle();

        with.spawn_functions(0ms, 1, 5ms);
        with.sim.run_for(2ms);
        with.spawn_hog(1ms);  // goes to the demoted at once
        with.run();

        EXPECT_GE(with.all.hog_began, with.all.function_ended) << replay_line(seed);
        EXPECT_LE(with.all.hog_began - with.all.function_ended, 2ms) << replay_line(seed);
    }
}

}  // namespace
}  // namespace drama
