// SPDX-License-Identifier: Apache-2.0
// Makes a failure smaller: the same verdict at the same places, with fewer features, tasks and
// threads, and a schedule that deviates less from the plainest one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "drama/base/clock.hpp"
#include "drama/sim/explore/sim_test_run.hpp"

namespace drama::inline v0 {

struct shrunk_failure {
    run_spec spec;
    run_record record;
    std::uint64_t runs = 0;  ///< that were tried
    std::size_t deviations_before = 0;
    std::vector<std::string> steps;  ///< what was left out, one line each

    std::size_t deviations() const noexcept {
        return spec.deviations ? spec.deviations->size() : deviations_before;
    }
};

/// True if two runs failed in the same way: the same word, the same waits or expectation.
DRAMA_API bool is_same_failure(const run_record& one, const run_record& other);

/// In this order: features off one by one, tasks left out, capacities lowered, then deviations of
/// the schedule removed by halves. Stops when `may_go_on` says no.
///
/// Requires: `spec` fails as `seen` says. Complexity: as long as it is let.
DRAMA_API shrunk_failure shrink(sim_test_runner& with, const run_spec& spec, const run_record& seen,
                                const std::function<bool()>& may_go_on);

}  // namespace drama::inline v0
