// SPDX-License-Identifier: Apache-2.0
// What faults have made of one direction of a simulated connection: what its sender sends from now
// on. Most connections have none of this.
#pragma once

#include <cstddef>
#include <cstdint>

#include "drama/sim/internal/event_queue.hpp"

namespace drama::inline v0::internal {

class tcp_socket;

struct tcp_mishaps : timed_event {
    tcp_socket* at = nullptr;          ///< whose window opens again when this event fires
    bool is_silent = false;            ///< nothing comes through, either way
    bool has_ended = false;            ///< the peer has seen an end: the rest goes nowhere
    bool is_never_read = false;        ///< the window shrinks and never grows
    std::size_t window_left = 0;       ///< of such a one
    std::int64_t closed_until_ns = 0;  ///< the window is zero
    std::int64_t trickle_ns = 0;       ///< bytes come singly, so far apart; 0: not
};

}  // namespace drama::inline v0::internal
