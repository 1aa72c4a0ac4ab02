// SPDX-License-Identifier: Apache-2.0
// The oracle of isolation: one seed is run without and with another tenant's faults, and what the
// bystander got done is compared. It may differ only within its declared bounds.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"

namespace drama::inline v0 {

/// What one tenant got done in one run. Threads: one at a time.
class DRAMA_API work_log {
  public:
    void note(duration took) { took_.push_back(took); }
    std::size_t done() const noexcept { return took_.size(); }
    /// The latency that `part` of the pieces of work did not exceed; zero if there are none.
    duration quantile(double part) const;

  private:
    std::vector<duration> took_;
};

/// By how much a bystander may suffer.
struct isolation_bounds {
    double lost_work = 0;                             ///< part of the pieces of work: 0 none
    double longer = 0.5;                              ///< part of each quantile of the latency
    duration later = std::chrono::microseconds(300);  ///< and so much besides
};

/// Empty if `with` keeps within the bounds of `without`; else what is outside, in words.
DRAMA_API std::string interference(const work_log& without, const work_log& with,
                                   const isolation_bounds& bounds = {});

/// Runs `run(false)` and `run(true)`, where true means with the faults of others, and compares what
/// the bystander got done. `run` yields its work_log.
template <class Run>
std::string check_isolation(Run run, const isolation_bounds& bounds = {}) {
    const work_log without = run(false);
    const work_log with = run(true);
    return interference(without, with, bounds);
}

}  // namespace drama::inline v0
