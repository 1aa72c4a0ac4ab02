// SPDX-License-Identifier: Apache-2.0
// What the disk of a simulated machine is like: how long it takes, how much it holds, what it does
// when a sync or the power fails.
#pragma once

#include <cstdint>

#include "drama/sim/net/latency_law.hpp"

namespace drama::inline v0 {

/// What is left of changes that were not synced when the power fails. What was synced is always
/// there.
enum class crash_law : std::uint8_t {
    by_seed,       ///< one of the next four for each file and for the names, drawn
    nothing,       ///< none of them
    everything,    ///< all of them
    in_order,      ///< the first so many; the last one of these may be torn
    out_of_order,  ///< any sectors of any write, any names, whatever came first
    lengths_only,  ///< the lengths of files, with zeros for what was written; no names
};

/// What a file is like after a sync of it has failed. A directory keeps its changes for a later
/// sync, but for the last of these: no file system takes names for clean.
enum class sync_failure : std::uint8_t {
    /// As ext4, XFS and Btrfs: its pages are taken for clean. The next sync succeeds, and what the
    /// failed one should have written is gone: seen until the power fails, and not afterwards.
    pages_clean,
    /// The same, and the error is told once to each descriptor that was open when the write-back
    /// failed; who opens the file later never hears of it. Closing a written file may begin such a
    /// write-back.
    told_open_descriptors,
    /// Every later sync fails too, and nothing more of that file becomes durable, until a crash.
    for_ever,
};

struct disk_options {
    latency_law transfer =
        latency_law::heavy_tail(std::chrono::microseconds(80), std::chrono::milliseconds(20));
    latency_law sync =
        latency_law::heavy_tail(std::chrono::milliseconds(1), std::chrono::milliseconds(50));
    /// All files together; beyond, what needs room fails with ENOSPC.
    std::int64_t capacity_bytes = std::int64_t{1} << 40;
    crash_law keeps = crash_law::by_seed;
    sync_failure after_failed_sync = sync_failure::pages_clean;
    /// Syncs succeed and make nothing durable, as on a device that says more than it does.
    bool lies_about_syncs = false;
};

}  // namespace drama::inline v0
