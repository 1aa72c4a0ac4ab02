// SPDX-License-Identifier: Apache-2.0
// The disk of one simulated machine, as a test sees it: what is on it, how it behaves, and the
// moment at which the power fails.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drama/base/export.hpp"
#include "drama/sim/disk/disk_options.hpp"

namespace drama::inline v0 {

namespace internal {
class sim_files;
}
class sim_network;

/// A disk keeps what was written in two states: as processes see it, and what is durable. A write
/// is durable after a sync of its file; a name that is new, gone or changed after a sync of its
/// directory. A sync promises what was there when it began.
///
/// Threads: the world's owner and simulated threads. Determinism: as the world.
class DRAMA_API sim_disk {
  public:
    sim_disk(sim_network& network, std::string machine, std::uint64_t seed);
    ~sim_disk();
    sim_disk(const sim_disk&) = delete;
    sim_disk& operator=(const sim_disk&) = delete;

    /// May be changed at any time; holds for what happens later.
    disk_options& options() noexcept;

    /// The power fails now. Of changes that were not synced is left what options().keeps says;
    /// operations in flight take effect or not. Every io_system and descriptor of this machine is
    /// dead: what is done through them later fails with EIO and changes nothing, so that the
    /// machine's runtime can be taken down. io_systems made afterwards find what is left.
    void crash();
    /// The process ends, the machine goes on: the same, but nothing is lost that was written.
    void end_process();
    /// crash() in place of the k-th operation from now, counted as they take effect; 0: never. By
    /// trying k = 1, 2, ... until crashes() stays 0 a test meets every state of the disk, each with
    /// all that followed from what came before.
    void crash_at(std::uint64_t k) noexcept;
    /// Operations that a fault has made stuck go on, as if the device had come back. Clearing the
    /// plan does not do it.
    void release_stuck() noexcept;
    /// Called in each crash when the disk is as it stays, in the order in which they were added.
    void on_crash(std::function<void()> call);
    std::uint64_t crashes() const noexcept;
    /// That have taken effect.
    std::uint64_t operations() const noexcept;

    // What is on it, without time or faults.

    /// What a process would read; empty if no file stands there.
    std::optional<std::string> content(std::string_view path) const;
    /// What is on the medium of a file that processes see.
    std::optional<std::string> durable_content(std::string_view path) const;
    /// The names in a directory; none if it is not there.
    std::vector<std::string> names(std::string_view path) const;
    /// Makes a file, durable, and the directories above it. Requires: no file is in the way.
    void put(std::string_view path, std::string_view content);

    // Below: for the simulated backends.

    internal::sim_files& files() noexcept { return *files_; }

  private:
    std::unique_ptr<internal::sim_files> files_;
};

}  // namespace drama::inline v0
