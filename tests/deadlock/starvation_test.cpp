// SPDX-License-Identifier: Apache-2.0
// A tenant with a share and a ready task is not left without a turn for longer than its bound, at
// every size and under every flood; without fairness it is.
#include <gtest/gtest.h>

#include <string>

#include "drama/coro/sleep.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/carrier_threads.hpp"
#include "drama/sim/oracle/lag_bound.hpp"
#include "drama/sim/simulation.hpp"

namespace drama {
namespace {

constexpr duration poll_cost = 100us;
constexpr std::size_t floods = 3;
constexpr std::size_t flood_tasks = 40;

task<void> burn_and_give_way() {
    for (int i = 0; i < 10; ++i) {
        sim::spend(poll_cost);
        auto gave_way = co_await yield_now();
        if (!gave_way) {
            co_return;
        }
    }
}

task<void> need_little() {
    for (int i = 0; i < 20; ++i) {
        auto slept = co_await sleep_for(500us);
        if (!slept) {
            co_return;
        }
    }
}

duration longest_wait(policy order, std::size_t workers, std::uint64_t seed,
                      carrier_threads& carriers) {
    sim_options options;
    options.carriers = &carriers;
    simulation sim(seed, options);
    runtime_options choice;
    choice.workers = workers;
    choice.order = order;
    choice.hand_over = false;
    choice.log = [](const std::string&) {};
    runtime rt(sim.world(), choice);
    sim.watch(rt);
    EXPECT_TRUE(rt.start());
    EXPECT_TRUE(rt.try_spawn(rt.tenants().get_or_create("little"), need_little));
    for (std::size_t flood = 0; flood < floods; ++flood) {
        auto payer = rt.tenants().get_or_create("flood " + std::to_string(flood));
        for (std::size_t i = 0; i < flood_tasks; ++i) {
            EXPECT_TRUE(rt.try_spawn(payer, burn_and_give_way));
        }
    }
    const verdict seen = sim.run_to_verdict();
    EXPECT_FALSE(seen) << seen.text();
    const duration longest = sim.world().census().longest_without_turn().lasted;
    EXPECT_TRUE(rt.stop());
    return longest;
}

TEST(Starvation, StaysWithinTheBoundOfFairness) {
    carrier_threads carriers;
    const duration most = lag_bound(
        {.tenants = floods + 1, .longest_poll = poll_cost, .hand_over = {}, .delays = 200us});
    for (const std::size_t workers : {1, 2, 4}) {
        for (std::uint64_t seed = 1; seed <= 20; ++seed) {
            EXPECT_LE(longest_wait(policy::fair, workers, seed, carriers), most)
                << workers << " workers, seed " << seed;
        }
    }
    EXPECT_GT(longest_wait(policy::fifo, 1, 1, carriers), most);
}

}  // namespace
}  // namespace drama
