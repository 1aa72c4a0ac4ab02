// SPDX-License-Identifier: Apache-2.0
// The search for a run that fails, over one test: which runs, in which order, for how long; some of
// them twice. Ends at the first failure.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "drama/sim/explore/replay_token.hpp"
#include "drama/sim/explore/sim_test_run.hpp"
#include "drama/sim/report/failure_report.hpp"

namespace drama::inline v0 {

struct explore_options {
    std::uint64_t first_seed = 1;
    std::uint64_t runs = 200;                 ///< at most
    duration budget = duration::max();        ///< at most, on the machine's clock
    std::uint32_t twice_one_in = 20;          ///< so many runs are done twice and compared; 0: none
    std::optional<replay_token> replay = {};  ///< this run and no other
    std::uint64_t stop_at_step = 0;           ///< of the replay
    /// On the machine's clock, to make a failure smaller; zero: it is shown as it is.
    duration shrink_budget = std::chrono::seconds(20);
    std::string report_folder = {};  ///< a failure leaves files below it; empty: none
    /// Receives progress, a line every five seconds, and the report; null: stderr.
    std::function<void(const std::string&)> print = {};

    /// What a test has where the environment says nothing: whichever is used up first.
    static constexpr std::uint64_t usual_runs = 2'000;
    static constexpr duration usual_budget = std::chrono::seconds(5);

    /// DRAMA_SIM_RUNS, DRAMA_SIM_SECONDS, DRAMA_SEED, DRAMA_SIM_STOP_AT, DRAMA_SIM_REPORT (a
    /// folder; "sim-reports" if it is not set). Errors: `why` names the variable that cannot be
    /// read.
    static std::optional<explore_options> from_environment(std::string& why);
};

/// A run that failed.
struct found_failure {
    run_spec spec;
    run_record record;
    failure_report report;
};

struct exploration {
    std::uint64_t seeds = 0;  ///< different runs
    std::uint64_t runs = 0;   ///< all, with those that were done twice
    std::uint64_t steps = 0;
    std::uint64_t mismatches = 0;                    ///< the same run, another hash
    std::uint64_t dropped = 0;                       ///< schedules for which there was no room
    duration spent{};                                ///< CPU time of this process
    std::array<std::uint64_t, fault_kinds> fired{};  ///< faults by kind
    std::string refused;                             ///< why nothing was run; empty: something was
    std::optional<found_failure> failure;

    bool holds() const noexcept { return refused.empty() && mismatches == 0 && !failure; }
};

/// Threads: one; it runs on one CPU meanwhile. Determinism: which runs there are depends on the
/// budget, each run on its token alone.
DRAMA_API exploration explore(const sim_test_case& test, const explore_options& options,
                              expectation_probe& probe);

/// All tests that this program registers, in the order in which they were linked.
DRAMA_API std::vector<sim_test_case>& registered_sim_tests();

}  // namespace drama::inline v0
