// SPDX-License-Identifier: Apache-2.0
// What a scheduling decision costs: alone, with many tenants that wait, and as part of a worker's
// turn. Each row is the least of fifteen repetitions: what the code takes when nothing else runs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace drama::bench {

inline constexpr std::size_t repetitions = 15;
using samples = std::array<double, repetitions>;

/// A decision with all that belongs to it, beside a pointer chase through the same memory.
struct pick_figures {
    samples pick_ns;
    samples chase_ns;
    /// The part of the tenants that came back ahead of the clock, so that they were not eligible.
    double ineligible = 0;
};
pick_figures measure_pick(std::size_t tenants);

/// The part of a worker's time that is outside of tasks whose polls take a whole turn. Units: %.
samples measure_turn_overhead();

/// What the runtime adds to a task of 1 us, for each of 10 000 tenants that have one such task:
/// spawning it, its tenant's turn and its end. Units: ns.
samples measure_many_tenants();

/// Nanoseconds on the machine's clock.
std::int64_t now_ns() noexcept;

}  // namespace drama::bench
