// SPDX-License-Identifier: Apache-2.0
// From a run that failed to what is shown of it: shrinks it, runs it once more with a trace, and
// writes the files.
#pragma once

#include <cstdint>
#include <string>

#include "drama/base/clock.hpp"
#include "drama/sim/explore/sim_test_run.hpp"
#include "drama/sim/report/failure_report.hpp"

namespace drama::inline v0 {

struct describe_options {
    duration shrink_budget{};  ///< on the machine's clock; zero: the run is shown as it is
    std::string folder;        ///< files go below it; empty: none are written
    std::uint64_t runs = 0;    ///< until it was found
    std::int64_t took_ms = 0;
};

/// Requires: `spec` fails as `seen` says.
DRAMA_API failure_report describe_failure(sim_test_runner& with, const run_spec& spec,
                                          const run_record& seen, const describe_options& options);

/// "DRAMA_SEED=v1:... program --gtest_filter=Suite.Name".
DRAMA_API std::string replay_command(const sim_test_case& test, const run_spec& spec);

}  // namespace drama::inline v0
