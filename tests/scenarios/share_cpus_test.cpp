// SPDX-License-Identifier: Apache-2.0
// The only CPU is wanted by a tenant on the worker and by one that computes, or burns it in
// blocking functions: the worker leaves it now and then, and comes back; who comes back from a
// short sleep does not wait for that.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "drama/base/coverage/mark.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"

namespace drama {
namespace {

task<void> hog(const bool* is_over) {
    while (!*is_over) {
        sim::spend(20us);
        auto go_on = co_await checkpoint();
        if (!go_on) {
            co_return;
        }
    }
}

void burn() {
    sim::spend(5ms);
}

task<void> computes(const bool* is_over, int* done) {
    while (!*is_over) {
        auto called = co_await compute(burn);
        if (!called) {
            co_return;
        }
        ++*done;
    }
}

task<void> blocks(const bool* is_over, int* done) {
    while (!*is_over) {
        auto called = co_await blocking(burn);
        if (!called) {
            co_return;
        }
        ++*done;
    }
}

task<void> visitor(simulation* in, bool* is_over, duration* worst) {
    for (int round = 0; round < 40; ++round) {
        const instant began = in->now();
        auto slept = co_await sleep_for(1ms);
        if (!slept) {
            break;
        }
        *worst = std::max(*worst, in->now() - began - 1ms);
    }
    *is_over = true;
}

bool has_hit(std::string_view name) {
    const auto marks = internal::all_marks();
    return std::ranges::any_of(marks, [&](const internal::mark& each) {
        return std::string_view(each.name) == name && each.is_hit();
    });
}

void share(task<void> (*burns)(const bool*, int*)) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 20; ++seed) {
        simulation sim(seed);
        runtime_options options;
        options.workers = 1;
        options.holds_burning_calls = true;
        options.log = [](const std::string&) {};
        runtime rt(sim.world(), options);
        sim.watch(rt);
        ASSERT_TRUE(rt.start());
        bool is_over = false;
        int done = 0;
        duration worst{};
        for (int i = 0; i < 4; ++i) {
            ASSERT_TRUE(rt.try_spawn(rt.tenants().get_or_create("hog"), hog, &is_over));
            ASSERT_TRUE(
                rt.try_spawn(rt.tenants().get_or_create("functions"), burns, &is_over, &done));
        }
        ASSERT_TRUE(
            rt.try_spawn(rt.tenants().get_or_create("visitor"), visitor, &sim, &is_over, &worst));
        ASSERT_TRUE(sim.run_to_end()) << sim.replay();
        EXPECT_GT(done, 0) << replay_line(seed);
        EXPECT_LE(worst, 2ms) << replay_line(seed);
        ASSERT_TRUE(rt.stop());
    }
    EXPECT_TRUE(has_hit("worker.gives_way"));
}

TEST(ShareCpus, TheWorkerLeavesItsCpuAndComesBack) {
    share(computes);
}

TEST(ShareCpus, ABlockingFunctionThatBurnsIsFoundAndItsThreadReplaced) {
    share(blocks);
    EXPECT_TRUE(has_hit("engine.finds_a_burning_call"));
    EXPECT_TRUE(has_hit("pool.ends_a_demoted_thread"));
}

}  // namespace
}  // namespace drama
