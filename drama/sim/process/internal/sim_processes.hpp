// SPDX-License-Identifier: Apache-2.0
// Signals and children of one process of a simulated world.
#pragma once

#include <cstdint>

#include "drama/io/process/process_system.hpp"
#include "drama/sim/node/sim_process.hpp"
#include "drama/sim/process/child_programs.hpp"

namespace drama::inline v0 {
class sim_network;
namespace internal {

class sim_child;

/// Threads: as the world. Lifetime: what it is made with outlives it.
class sim_processes final : public process_system {
  public:
    sim_processes(sim_network& network, sim_process& of, const child_programs& programs) noexcept
        : network_(network), of_(of), programs_(programs) {}

    result<int> open_signals(std::uint64_t signals) override;
    /// Asks for thread_unavailable at "child.start".
    result<child_started> start_child(const child_request& what) override;
    result<void> signal_child(int fd, int signal) override;
    result<child_ended> collect_child(int fd) override;
    void drop_child(int fd) noexcept override;

  private:
    sim_child* find(int fd) noexcept;

    sim_network& network_;
    sim_process& of_;
    const child_programs& programs_;
};

}  // namespace internal
}  // namespace drama::inline v0
