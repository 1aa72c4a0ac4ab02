// SPDX-License-Identifier: Apache-2.0
// The deadlock suite: every scenario at sizes 1, 2 and 4, in many simulated worlds and on the
// machine with each backend. DRAMA_DEADLOCK_SEEDS says in how many worlds.
#include <gtest/gtest.h>

#include <cstdlib>
#include <mutex>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "drama/sim/carrier_threads.hpp"
#include "drama/sim/oracle/quiescence.hpp"
#include "drama/sim/seed.hpp"
#include "tests/deadlock/arena.hpp"
#include "tests/deadlock/seeds.hpp"
#include "tests/deadlock/watched_world.hpp"

namespace drama::deadlock {
namespace {

std::vector<scenario> all_scenarios() {
    std::vector<scenario> all;
    for (const auto some :
         {lock_scenarios(), pool_scenarios(), end_scenarios(), lane_scenarios()}) {
        all.insert(all.end(), some.begin(), some.end());
    }
    return all;
}

struct chosen {
    scenario what;
    std::size_t size = 1;
};

std::string name_of_chosen(const testing::TestParamInfo<chosen>& of) {
    return of.param.what.name + std::string("_") + std::to_string(of.param.size);
}

/// For a test's output.
void PrintTo(const chosen& of, std::ostream* to) {
    *to << of.what.name << " at size " << of.size;
}

std::vector<chosen> every_size() {
    std::vector<chosen> all;
    for (const scenario& each : all_scenarios()) {
        for (const std::size_t size : sizes) {
            all.push_back({each, size});
        }
    }
    return all;
}

runtime_options options_for(const chosen& of, arena& all) {
    runtime_options made;
    made.workers = of.size;
    made.log = [&all](const std::string& line) {
        const std::lock_guard guard(all.lock);
        all.logged += line + '\n';
    };
    if (of.what.choose != nullptr) {
        of.what.choose(made, of.size);
    }
    return made;
}

bool is_as_it_must_be(const chosen& of, const verdict& seen) {
    return of.what.is_right != nullptr ? of.what.is_right(seen) : !seen;
}

// Empty if all is as it must be.
std::string judge(const chosen& of, arena& all, const verdict& seen, void* state) {
    if (!is_as_it_must_be(of, seen)) {
        return "not what must be said: " + seen.text();
    }
    if (of.what.judge != nullptr) {
        of.what.judge(all, state);
    }
    return all.fault;
}

std::string run_simulated(const chosen& of, std::uint64_t seed, carrier_threads& carriers) {
    sim_options options;
    options.carriers = &carriers;
    simulation sim(seed, options);
    arena all;
    all.sim = &sim;
    all.size = of.size;
    all.random = prng(seed);
    std::shared_ptr<void> state;
    std::string fault;
    runtime rt(sim.world(), options_for(of, all));
    all.rt = &rt;
    sim.watch(rt);
    if (!rt.start()) {
        return "the runtime does not start";
    }
    state = of.what.start(all);
    const verdict seen = sim.run_to_verdict(std::chrono::minutes(10));
    fault = judge(of, all, seen, state.get());
    if (!rt.stop() && fault.empty()) {
        fault = "the runtime does not stop";
    }
    if (fault.empty()) {
        fault = sim.leftovers();
    }
    return fault;
}

class Simulated : public testing::TestWithParam<chosen> {};

TEST_P(Simulated, EndsAsItMust) {
    carrier_threads carriers;
    const std::uint64_t first = seed_or(1);
    const std::uint64_t last = std::getenv("DRAMA_SEED") != nullptr ? first : seeds_wanted(100);
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        ASSERT_EQ(run_simulated(GetParam(), seed, carriers), "") << replay_line(seed);
    }
}

INSTANTIATE_TEST_SUITE_P(Deadlock, Simulated, testing::ValuesIn(every_size()), name_of_chosen);

// On real threads nothing says that nothing will ever happen again: so a run is judged when all
// tasks have ended, or none has come on for a while and what must be said can be. Anything else may
// be a busy machine, and gets long to change.
constexpr int still_looks = 30;
constexpr int looks_most = 6'000;

verdict wait_for_the_end(const chosen& of, runtime& rt, watched_world& in) {
    std::uint64_t marks = in.census().progress_marks();
    for (int look = 0, still = 0; look < looks_most; ++look, ++still) {
        if (rt.stats().tasks_alive == 0) {
            break;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        if (const std::uint64_t now = in.census().progress_marks(); now != marks) {
            marks = now;
            still = 0;
        }
        if (still >= still_looks) {
            const std::lock_guard guard(in.census().lock());
            const verdict seen = judge_quiescence(in.census());
            if (seen && is_as_it_must_be(of, seen)) {
                return seen;
            }
        }
    }
    const std::lock_guard guard(in.census().lock());
    return judge_quiescence(in.census());
}

std::string run_on_machine(const chosen& of, const char* backend, std::uint64_t seed) {
    arena all;
    all.size = of.size;
    all.random = prng(seed);
    watched_world machine;
    runtime_options options = options_for(of, all);
    options.io = backend;
    runtime rt(machine, options);
    all.rt = &rt;
    if (!rt.start()) {
        return "the runtime does not start";
    }
    const std::shared_ptr<void> state = of.what.start(all);
    const verdict seen = wait_for_the_end(of, rt, machine);
    std::string fault = judge(of, all, seen, state.get());
    if (!rt.stop() && fault.empty()) {
        fault = "the runtime does not stop";
    }
    return fault;
}

class OnTheMachine : public testing::TestWithParam<chosen> {};

TEST_P(OnTheMachine, EndsAsItMust) {
    if (GetParam().what.simulated_only) {
        GTEST_SKIP() << "the scenario needs a simulated network or clock";
    }
    for (const char* const backend : backends) {
        EXPECT_EQ(run_on_machine(GetParam(), backend, 1), "") << backend;
    }
}

INSTANTIATE_TEST_SUITE_P(Deadlock, OnTheMachine, testing::ValuesIn(every_size()), name_of_chosen);

}  // namespace
}  // namespace drama::deadlock
