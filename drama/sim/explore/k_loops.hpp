// SPDX-License-Identifier: Apache-2.0
// One fault at every place where it could happen: a run without faults counts the places, then each
// run breaks another one, once or from there on; and stops each task at every step.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "drama/fault/fault_kind.hpp"
#include "drama/sim/explore/search_step.hpp"
#include "drama/sim/node/survival.hpp"

namespace drama::inline v0 {

/// What a run without faults was like.
struct loop_ground {
    survival survives;
    std::array<std::uint64_t, fault_kinds> points{};  ///< by kind
    std::uint64_t steps = 0;
    std::size_t starts = 0;
};

/// Places of one kind that are tried: all if they are few, else these many, close together at first
/// and further apart later.
inline constexpr std::size_t loop_places_max = 48;

/// The numbers from 1 to `last` that a loop goes through.
DRAMA_API std::vector<std::uint64_t> loop_places(std::uint64_t last);

/// All loops that the ground asks for, kinds in turn: however short the budget, each kind is tried.
DRAMA_API std::vector<search_step> plan_loops(const loop_ground& ground);

}  // namespace drama::inline v0
