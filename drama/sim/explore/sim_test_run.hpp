// SPDX-License-Identifier: Apache-2.0
// One run of a simulated test: the world that a seed and a step of the search give, the body of the
// test in it, and what came out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "drama/sim/carrier_threads.hpp"
#include "drama/sim/explore/bounded_search.hpp"
#include "drama/sim/explore/deviations.hpp"
#include "drama/sim/explore/search_step.hpp"
#include "drama/sim/node/sim_test_world.hpp"
#include "drama/sim/node/survival.hpp"
#include "drama/sim/report/run_trace.hpp"

namespace drama::inline v0 {

/// A test as DRAMA_SIM_TEST registers it.
struct sim_test_case {
    const char* suite = "";
    const char* name = "";
    const char* file = "";
    int line = 0;
    void (*body)(sim_test_world& world) = nullptr;

    std::string full_name() const { return std::string(suite) + '.' + name; }
};

/// What knows about failed expectations of the test framework. Threads: begin and end by the owner
/// of the run, the question by any of its threads.
class DRAMA_API expectation_probe {
  public:
    virtual ~expectation_probe() = default;
    /// From now on failures are kept here instead of being reported.
    virtual void begin() = 0;
    /// What failed since, in words; empty if nothing did.
    virtual std::string end() = 0;
    /// A question that a world may ask before each step; may be null.
    virtual bool (*question() const)() = 0;
    /// While it was called with true, failures are forgotten; may be null.
    virtual void (*muter() const)(bool) { return nullptr; }
};

/// What one run is made from.
struct run_spec {
    std::uint64_t seed = 1;
    search_step how = {};
    /// Beside what the test says itself, to make a failure smaller.
    std::vector<std::size_t> left_out = {};
    std::size_t capacity_max = 0;
    std::size_t workers = 0;        ///< of each node; 0: as drawn
    std::uint64_t faults_off = 0;   ///< kinds of fault that a swarm leaves out, a bit each
    std::uint32_t plain_parts = 0;  ///< of the swarm, see swarm.hpp
    std::optional<std::vector<deviation>> deviations = {};  ///< the schedule, in place of `how`
    bool records_deviations = false;

    livelock_patience patience = {};
    std::uint64_t steps_max = 0;  ///< a run that takes more is given up; 0: none is
    std::uint64_t stop_at_step = 0;
    run_trace* trace = nullptr;  ///< what happens is noted there
};

/// What it was like.
struct run_record {
    run_verdict verdict;
    std::string expectations;  ///< those that failed
    std::uint64_t hash = 0;
    std::uint64_t steps = 0;
    std::uint64_t events = 0;
    std::size_t starts = 0;
    survival survives;
    bool has_killed = false;                          ///< a process
    std::array<std::uint64_t, fault_kinds> points{};  ///< of each kind of fault
    std::array<std::uint64_t, fault_kinds> fired{};
    std::vector<std::string> faults;                    ///< the first that fired, in words
    std::vector<bounded_schedule::decision> decisions;  ///< of a bounded schedule
    std::vector<deviation> deviations;                  ///< if they were wanted
};

/// Runs tests one after the other on the same OS threads. Threads: one.
class DRAMA_API sim_test_runner {
  public:
    sim_test_runner(const sim_test_case& test, expectation_probe& probe)
        : test_(test), probe_(probe) {}

    /// What simulated code took from the heap and lost is a failure if it happens twice.
    run_record run(const run_spec& spec);
    const sim_test_case& test() const noexcept { return test_; }

  private:
    run_record run_once(const run_spec& spec);
    void judge_heap(const run_spec& spec, run_record& into);
    sim_test_setup set_up(const run_spec& spec, schedule_strategy& strategy);
    static void break_things(const run_spec& spec, sim_test_world& world);
    static void look_at(sim_test_world& world, run_record& into);

    const sim_test_case test_;
    expectation_probe& probe_;
    carrier_threads carriers_;
};

}  // namespace drama::inline v0
