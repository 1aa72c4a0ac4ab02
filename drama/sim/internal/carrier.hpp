// SPDX-License-Identifier: Apache-2.0
// One OS thread of carrier_threads, as the scheduler sees it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "drama/sim/internal/baton.hpp"

namespace drama::inline v0::internal {

class sim_scheduler;

/// The runtime keeps thread-local pointers, which a worker sets at the begin of each step; what
/// runs on pool threads must not find a worker's. So the two never share an OS thread.
enum class carrier_kind : std::uint8_t { workers, others };
inline constexpr std::size_t carrier_kinds = 2;

/// Written by whoever holds the baton.
struct carrier {
    baton turn;
    carrier_kind kind{};
    sim_scheduler* serves = nullptr;
    bool ends = false;
};

}  // namespace drama::inline v0::internal
