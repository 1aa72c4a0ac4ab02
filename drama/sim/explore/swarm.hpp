// SPDX-License-Identifier: Apache-2.0
// Features and capacities of one run, drawn from its seed: each run lacks some features and is
// small somewhere, so that what one of them hides comes to light in the others.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "drama/sim/node/sim_test_setup.hpp"

namespace drama::inline v0 {

/// What is drawn together.
enum class swarm_part : std::uint8_t { costs, runtime, network };
inline constexpr std::array swarm_parts{swarm_part::costs, swarm_part::runtime,
                                        swarm_part::network};

constexpr const char* name_of(swarm_part part) noexcept {
    constexpr std::array names{"costs", "runtime", "network"};
    return names[static_cast<std::size_t>(part)];
}
constexpr std::uint32_t bit_of(swarm_part part) noexcept {
    return 1U << static_cast<unsigned>(part);
}

/// Draws workers, pools, queues, buffers, costs, hand-over and order, but for the parts whose bits
/// are in `plain_parts`. What a test sets by itself afterwards stands.
DRAMA_API void draw_swarm(std::uint64_t seed, std::uint32_t plain_parts, sim_test_setup& into);

}  // namespace drama::inline v0
