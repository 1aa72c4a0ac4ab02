// SPDX-License-Identifier: Apache-2.0
// A descriptor of a file or directory on a simulated disk.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "drama/sim/disk/internal/file_node.hpp"
#include "drama/sim/internal/sim_descriptor.hpp"

namespace drama::inline v0::internal {

class sim_files;

/// Threads: the owner and simulated threads.
class sim_file final : public sim_descriptor {
  public:
    sim_file(sim_files& disk, std::shared_ptr<file_node> node, int flags) noexcept;

    submission start(operation& op, sim_backend& on) noexcept override;
    void on_close() noexcept override;

    file_node& node() noexcept { return *node_; }
    int flags() const noexcept { return flags_; }
    bool can_read() const noexcept;
    bool can_write() const noexcept;
    sim_files& disk() noexcept { return *disk_; }
    /// The machine has crashed or the process has ended since it was opened.
    bool is_dead() const noexcept;

    std::int64_t position = 0;
    std::uint64_t failures_told = 0;  ///< of node().failed_write_backs
    bool has_written = false;         ///< since its last sync

  protected:
    std::int64_t attempt(operation& op, bool again) noexcept override;
    int events() noexcept override;

  private:
    sim_files* disk_;
    std::shared_ptr<file_node> node_;
    int flags_;
    std::uint64_t life_;
};

}  // namespace drama::inline v0::internal
