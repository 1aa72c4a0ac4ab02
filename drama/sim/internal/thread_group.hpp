// SPDX-License-Identifier: Apache-2.0
// The simulated threads of one process: they are held and let go together, and CPU time takes as
// long as it does on their node.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/runtime/world/mishaps.hpp"
#include "drama/runtime/world/world.hpp"
#include "drama/sim/sim_options.hpp"

namespace drama::inline v0::internal {

struct sim_thread;

/// Written by whoever holds the baton, and by the owner.
struct thread_group {
    std::string_view node = {};          ///< by which faults are aimed
    bool is_held = false;                ///< none of them runs
    bool is_dead = false;                ///< nor ever will
    std::vector<sim_thread*> held = {};  ///< those that would be ready
    std::size_t alive = 0;
    world_mishaps* wall = nullptr;  ///< what answers for the wall clock

    /// How long CPU time takes there: 100 as declared, 300 three times as long.
    std::int64_t cost_percent = 100;
    /// One piece of CPU time in so many loses `stolen` to somebody outside; 0: none.
    std::uint32_t stolen_one_in = 0;
    duration_range stolen{};
    /// What a step costs beside what its code declares, by role; zero: as the world's options say.
    std::array<duration_range, thread_roles> step_cost{};
    prng chance{0};
    bool has_costs = false;  ///< any of the four was changed

    /// What `declared_ns` of CPU time take.
    std::int64_t cpu_time(std::int64_t declared_ns) noexcept;
    /// What a step of a thread of `role` costs, `usual_ns` elsewhere.
    std::int64_t step_time(thread_role role, std::int64_t usual_ns) noexcept;
};

}  // namespace drama::inline v0::internal
