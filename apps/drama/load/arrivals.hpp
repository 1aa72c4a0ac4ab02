// SPDX-License-Identifier: Apache-2.0
// When the requests of an open loop are meant to be sent: a list of instants that a seed decides,
// and no answer moves.
#pragma once

#include <cstdint>

#include "drama/base/clock.hpp"
#include "drama/base/prng.hpp"

namespace drama::cli {

/// How requests arrive.
enum class arrival_law : std::uint8_t {
    closed,   ///< whenever the one before was answered: no list
    fixed,    ///< evenly spaced
    poisson,  ///< independent of each other: exponential gaps
    bursts,   ///< several at once, the bursts evenly spaced
};

struct arrival_options {
    arrival_law law = arrival_law::poisson;
    double per_second = 1;
    std::uint64_t burst = 1;  ///< of bursts
    std::uint64_t seed = 1;   ///< of poisson
};

/// The instants, as spans from the beginning, never falling.
///
/// Determinism: the same options give the same list. Threads: one at a time.
class arrival_schedule {
  public:
    /// Requires: per_second > 0, burst > 0, a law that is not closed.
    explicit arrival_schedule(const arrival_options& options) noexcept
        : options_(options), random_(options.seed) {}

    duration next() noexcept;

  private:
    arrival_options options_;
    prng random_;
    std::uint64_t count_ = 0;
    double seconds_ = 0;
};

}  // namespace drama::cli
