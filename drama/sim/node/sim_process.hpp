// SPDX-License-Identifier: Apache-2.0
// A process of a simulated world, as network and disk see it: one life of what runs on a node. It
// owns descriptors. It stays until the world ends, so that what outlives a killed one still finds
// out that it is dead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace drama::inline v0::internal {

class sim_backend;
class signal_queue;

struct sim_process {
    std::size_t node = 0;      ///< the network's number of its machine
    std::string machine = {};  ///< and the name, by which faults are aimed
    std::size_t fds_max = static_cast<std::size_t>(-1);
    std::size_t open_fds = 0;
    bool is_child = false;  ///< started by another one; it may go on when that has ended
    bool is_dead = false;   ///< its operations fail, its descriptors are gone
    std::vector<sim_backend*> backends = {};
    std::uint64_t pending_signals = 0;  ///< bit number - 1
    std::vector<signal_queue*> signals_read_by = {};
};

}  // namespace drama::inline v0::internal
