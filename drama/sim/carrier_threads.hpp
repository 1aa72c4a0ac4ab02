// SPDX-License-Identifier: Apache-2.0
// The OS threads on which simulated threads run: they pass a baton, so that exactly one runs at any
// time. A simulated thread keeps its OS thread while it waits in the middle of a step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "drama/base/export.hpp"

namespace drama::inline v0 {

namespace internal {
class sim_scheduler;
struct carrier;
enum class carrier_kind : std::uint8_t;
}  // namespace internal

/// A pool of OS threads. Simulations that run one after the other may share it, which saves the
/// start of threads. It grows while more simulated threads wait in the middle of a step.
///
/// Threads: one simulation at a time. Lifetime: outlives the simulations that use it.
class DRAMA_API carrier_threads {
  public:
    /// `one_cpu`: all of them stay on the CPU on which the caller runs now. As only one runs at a
    /// time anyway, that makes passing the baton several times cheaper; it is for programs that run
    /// many simulations and share no CPU with others.
    explicit carrier_threads(bool one_cpu = false);
    ~carrier_threads();
    carrier_threads(const carrier_threads&) = delete;
    carrier_threads& operator=(const carrier_threads&) = delete;

    /// OS threads started so far.
    std::size_t size() const noexcept;

  private:
    friend class internal::sim_scheduler;
    struct running_carrier;

    /// An idle thread, started if there is none. It runs nothing before its baton is passed.
    internal::carrier& take(internal::sim_scheduler& by, internal::carrier_kind kind);
    /// `idle` runs nothing more until its baton is passed again.
    void give_back(internal::carrier& idle) noexcept;

    std::vector<std::unique_ptr<running_carrier>> all_;
    std::vector<internal::carrier*> idle_[2];  // by kind
    const int cpu_;
};

}  // namespace drama::inline v0
