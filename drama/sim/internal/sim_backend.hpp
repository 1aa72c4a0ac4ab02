// SPDX-License-Identifier: Apache-2.0
// A core's IO in a simulated world. As over epoll, a descriptor has a home: the core that first had
// to wait for it, which completes all its operations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "drama/io/epoll/op_stage.hpp"
#include "drama/io/io_backend.hpp"
#include "drama/sim/disk/sim_disk.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"
#include "drama/sim/net/sim_network.hpp"

namespace drama::inline v0::internal {

/// Threads: the owner and simulated threads.
class sim_backend final : public io_backend {
  public:
    /// `life`: of the disk's processes, which the backend belongs to.
    sim_backend(std::shared_ptr<sim_network> network, sim_disk& disk, std::uint64_t life,
                sim_process& process);
    /// Cancels what is pending; every accepted operation has completed afterwards.
    ~sim_backend() override;

    submission submit(operation& op) noexcept override;
    void post(operation& op) noexcept override;
    void cancel(operation& op) noexcept override;
    void flush() noexcept override {}
    std::size_t reap(duration wait) noexcept override;
    void wake() noexcept override;
    std::size_t in_flight() const noexcept override { return in_flight_; }

    // For descriptors and the disk.

    /// `op` was accepted and belongs to this backend until finish().
    void accepted(operation& op, op_stage in, void* with) noexcept;
    /// An accepted operation has its outcome; the next reap calls its `done`.
    void finish(operation& op, std::int64_t outcome) noexcept;

    sim_network& network() noexcept { return *network_; }
    sim_disk& disk() noexcept { return *disk_; }
    sim_process& process() noexcept { return process_; }
    /// The machine has crashed since.
    bool is_dead() noexcept;
    wait_point& point() noexcept { return point_; }

  private:
    submission start(operation& op) noexcept;
    std::size_t drain() noexcept;
    void log(sim_event what, const operation& op, std::int64_t value) noexcept;

    std::shared_ptr<sim_network> network_;
    sim_disk* disk_;
    std::uint64_t life_;
    sim_process& process_;
    sim_scheduler& scheduler_;
    wait_point point_;
    op_queue posted_;
    op_queue finished_;
    std::size_t in_flight_ = 0;
};

}  // namespace drama::inline v0::internal
