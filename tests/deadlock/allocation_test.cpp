// SPDX-License-Identifier: Apache-2.0
// D15: the k-th allocation of a run fails, for every k, once or from then on, in a program that
// uses every operation: no hang, no leak, and whoever asked is told.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "drama/fault/faulty_world.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/carrier_threads.hpp"
#include "drama/sim/simulation.hpp"
#include "tests/deadlock/every_operation.hpp"
#include "tests/deadlock/seeds.hpp"

namespace drama::deadlock {
namespace {

constexpr std::uint64_t allocations_least = 40;
constexpr std::uint64_t allocations_most = 1'000;

/// Which allocation fails.
struct failing {
    std::uint64_t k = 0;  ///< 0: none
    bool from_then_on = false;

    std::string text() const {
        return "allocation " + std::to_string(k) + (from_then_on ? " and later" : "");
    }
    void plan(fault_plan& in) const {
        if (k != 0) {
            in.add({.kind = fault_kind::allocation_fails, .when = from_then_on ? from(k) : nth(k)});
        }
    }
};

struct outcome {
    bool fired = false;
    bool fired_for_a_task = false;  ///< not only where a pool wanted one more thread
    std::string fault;

    void note(const fault_plan& in) {
        for (const fired_fault& each : in.log()) {
            fired = true;
            fired_for_a_task = fired_for_a_task || !each.tenant.empty();
        }
    }
    void check(bool holds, const std::string& what) {
        if (!holds && fault.empty()) {
            fault = what;
        }
    }
};

runtime_options quiet(std::size_t workers, const char* io = "auto") {
    runtime_options made;
    made.workers = workers;
    made.io = io;
    made.log = [](const std::string&) {};
    return made;
}

void judge(outcome& seen, const every_operation& in, const failing& what) {
    seen.check(in.tried == operations_there_are, "an operation was not tried");
    seen.check(!seen.fired_for_a_task || !what.from_then_on || in.failed > 0, "nobody was told");
    seen.check(seen.fired || in.failed == 0, "nothing failed, and yet: " + in.errors);
}

outcome run_simulated(const failing& what, std::size_t size, std::uint64_t seed,
                      carrier_threads& carriers) {
    sim_options options;
    options.carriers = &carriers;
    simulation sim(seed, options);
    outcome seen;
    every_operation in;
    runtime rt(sim.world(), quiet(size));
    sim.watch(rt);
    if (!rt.start() || !rt.try_spawn(rt.tenants().get_or_create("all"), use_every_operation, &in)) {
        seen.fault = "nothing started";
        return seen;
    }
    what.plan(sim.faults());
    if (const verdict said = sim.run_to_verdict(10min)) {
        seen.fault = said.text();
    }
    seen.note(sim.faults());
    judge(seen, in, what);
    sim.faults().clear();
    seen.check(rt.stop().has_value(), "the runtime does not stop");
    seen.check(sim.leftovers().empty(), sim.leftovers());
    seen.check(sim.unreturned_frame_bytes() == 0,
               std::to_string(sim.unreturned_frame_bytes()) + " bytes of frames are left");
    return seen;
}

class SimulatedAllocation : public testing::TestWithParam<std::size_t> {};

// Each k, once and from then on, and then all over again in other worlds.
TEST_P(SimulatedAllocation, IsToldToWhoeverAsksAndLeavesNothingBehind) {
    carrier_threads carriers;
    std::uint64_t seed = 0;
    do {
        for (const bool from_then_on : {false, true}) {
            std::uint64_t k = 0;
            for (bool goes_on = true; goes_on && k < allocations_most; ++k) {
                const failing what{k, from_then_on};
                const outcome seen = run_simulated(what, GetParam(), ++seed, carriers);
                ASSERT_EQ(seen.fault, "") << what.text() << ", seed " << seed;
                goes_on = seen.fired || k == 0;
            }
            EXPECT_GT(k, allocations_least) << "there were hardly any allocations";
            EXPECT_LT(k, allocations_most);
        }
    } while (seed < seeds_wanted(1));
}

INSTANTIATE_TEST_SUITE_P(D15, SimulatedAllocation, testing::ValuesIn(sizes));

std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) {
        ++count;
    }
    return count;
}

struct own_directory {
    std::string path = std::filesystem::temp_directory_path() / "drama-every-XXXXXX";

    own_directory() { EXPECT_NE(::mkdtemp(path.data()), nullptr); }
    ~own_directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
};

bool wait_until_ended(runtime& rt) {
    for (int looks = 0; looks < 120'000 && rt.stats().tasks_alive != 0; ++looks) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return rt.stats().tasks_alive == 0;
}

outcome run_on_machine(const failing& what, std::size_t size, const char* backend) {
    const own_directory here;
    const std::size_t descriptors = open_descriptors();
    outcome seen;
    {
        faulty_world machine(what.k);
        every_operation in;
        in.directory = here.path;
        runtime rt(machine, quiet(size, backend));
        if (!rt.start()) {
            seen.fault = "nothing started";
            return seen;
        }
        tenant payer = rt.tenants().get_or_create("all");
        what.plan(machine.faults());
        const bool has_begun = rt.try_spawn(payer, use_every_operation, &in).has_value();
        if (!wait_until_ended(rt)) {
            std::fprintf(stderr, "%s, %s, %zu workers: operation %d does not end\n",
                         what.text().c_str(), backend, size, in.tried.load());
            std::_Exit(2);  // what it uses cannot be taken from under it
        }
        seen.note(machine.faults());
        if (has_begun) {
            judge(seen, in, what);
        } else {
            seen.check(seen.fired, "a root was refused, and nothing had failed");
        }
        machine.faults().clear();
        if (!rt.stop()) {
            seen.check(false, "the runtime does not stop");
            return seen;  // it has let go of all it had
        }
        rt.tenants().for_each([&](tenant one) {
            seen.check(one.record().frame_bytes() == 0,
                       std::to_string(one.record().frame_bytes()) + " bytes of frames are left");
        });
    }
    seen.check(open_descriptors() == descriptors, "a descriptor is left open");
    return seen;
}

class AllocationOnTheMachine : public testing::TestWithParam<std::size_t> {};

TEST_P(AllocationOnTheMachine, IsToldToWhoeverAsksAndLeavesNothingBehind) {
    for (const char* const backend : backends) {
        for (const bool from_then_on : {false, true}) {
            std::uint64_t k = 0;
            for (bool goes_on = true; goes_on && k < allocations_most; ++k) {
                const failing what{k, from_then_on};
                const outcome seen = run_on_machine(what, GetParam(), backend);
                ASSERT_EQ(seen.fault, "") << what.text() << ", " << backend;
                goes_on = seen.fired || k == 0;
            }
            EXPECT_GT(k, allocations_least) << "there were hardly any allocations";
            EXPECT_LT(k, allocations_most);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(D15, AllocationOnTheMachine, testing::ValuesIn(sizes));

}  // namespace
}  // namespace drama::deadlock
