// SPDX-License-Identifier: Apache-2.0
// The IO of one runtime in a simulated world, on one of its machines: calls on the world's network
// and the machine's disk.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "drama/io/io_backend.hpp"
#include "drama/sim/disk/sim_disk.hpp"
#include "drama/sim/net/sim_network.hpp"
#include "drama/sim/node/sim_process.hpp"
#include "drama/sim/process/internal/sim_processes.hpp"

namespace drama::inline v0::internal {

/// Threads: as the world.
class sim_io_system final : public io_system {
  public:
    sim_io_system(std::shared_ptr<sim_network> network, sim_disk& disk, sim_process& process,
                  const child_programs& programs) noexcept;

    const char* name() const noexcept override { return "simulated"; }
    result<std::unique_ptr<io_backend>> make_backend(std::size_t core) override;
    /// The simulated disk needs none.
    void set_offloader(io_offloader*) noexcept override {}

    result<int> open_socket(int family, int type, int protocol) override;
    result<std::array<int, 2>> open_pair(int type) override;
    result<std::array<int, 2>> open_pipe() override;
    result<int> duplicate(int fd) override;
    result<void> bind(int fd, const socket_address& where) override;
    result<void> listen(int fd, int backlog) override;
    result<socket_address> local_address(int fd) override;
    result<socket_address> peer_address(int fd) override;
    result<void> set_option(int fd, int level, int option, int value) override;
    result<int> get_option(int fd, int level, int option) override;
    result<void> shutdown(int fd, int how) override;
    void close(int fd) noexcept override;
    void forget(int fd) noexcept override;
    process_system* processes() noexcept override { return &processes_; }

  private:
    result<sim_socket*> socket_of(int fd) noexcept;

    std::shared_ptr<sim_network> network_;
    sim_disk& disk_;
    std::uint64_t life_;
    sim_process& process_;
    sim_processes processes_;
};

}  // namespace drama::inline v0::internal
