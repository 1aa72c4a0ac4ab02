// SPDX-License-Identifier: Apache-2.0
// A file operation on its way through the disk queue. Whoever awaits the operation embeds it.
#pragma once

#include <atomic>
#include <cstdint>

#include "drama/base/intrusive_list.hpp"
#include "drama/io/operation.hpp"
#include "drama/runtime/disk/transfer_pieces.hpp"
#include "drama/sched/pool_order.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0 {

class disk_queue;

/// Is the piece that is queued or in the device.
///
/// Ownership: the disk queue's, from submit until `done` of the whole operation is called.
struct disk_request : pool_item, operation, list_link<disk_queue> {
    disk_request() noexcept = default;
    disk_request(const disk_request&) = delete;
    disk_request& operator=(const disk_request&) = delete;

    /// Where the piece is that was given to the device; see disk_queue.cpp.
    enum class stage : std::uint8_t { starting, cancel_asked, in_device, over };
    /// What the piece does: a part of the operation, or the sync that follows a write of a tenant
    /// that has too much unsynced.
    enum class step : std::uint8_t { of_operation, write_through };

    // The queue's, under its lock.
    disk_queue* queue = nullptr;
    operation* whole = nullptr;
    tenant_record* payer = nullptr;
    transfer_pieces pieces;
    pool_grant grant;
    instant began = long_ago;       ///< the piece, in the device
    std::uint64_t nominal_ns = 0;   ///< the piece's cost before the device's price
    std::uint64_t syncs_bytes = 0;  ///< a sync: what it writes back
    step does = step::of_operation;
    bool is_queued = false;
    bool is_stopped = false;      ///< no further piece may start
    bool has_next_piece = false;  ///< after the write_through

    // Between starter, completer and canceller.
    std::atomic<stage> at{stage::starting};
    std::uint16_t core = 0;  ///< whose backend has the piece; published by `in_device`
};

}  // namespace drama::inline v0
