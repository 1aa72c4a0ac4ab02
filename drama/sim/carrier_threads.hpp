// SPDX-License-Identifier: Apache-2.0
// The OS threads on which simulated threads run: they pass a baton, so that exactly one runs at any
// time. A simulated thread keeps its OS thread while it waits in the middle of a step.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "drama/base/export.hpp"

namespace drama::inline v0 {

namespace internal {
class sim_scheduler;
struct carrier;
}  // namespace internal

/// A pool of OS threads. Simulations that run one after the other may share it, which saves the
/// start of threads. It grows while more simulated threads wait in the middle of a step.
///
/// As only one of them runs at a time, a process that is bound to one CPU (taskset,
/// sched_setaffinity) passes the baton several times faster. Threads: one simulation at a time.
/// Lifetime: outlives the simulations that use it.
class DRAMA_API carrier_threads {
  public:
    carrier_threads();
    ~carrier_threads();
    carrier_threads(const carrier_threads&) = delete;
    carrier_threads& operator=(const carrier_threads&) = delete;

    /// OS threads started so far.
    std::size_t size() const noexcept;

  private:
    friend class internal::sim_scheduler;
    struct running_carrier;

    /// An idle thread, started if there is none. It runs nothing before its baton is passed.
    internal::carrier& take(internal::sim_scheduler& by);
    /// `idle` runs nothing more until its baton is passed again.
    void give_back(internal::carrier& idle) noexcept;

    std::vector<std::unique_ptr<running_carrier>> all_;
    std::vector<internal::carrier*> idle_;
};

}  // namespace drama::inline v0
