// SPDX-License-Identifier: Apache-2.0
// The fair queue in front of the disk: file operations of all tenants, a bounded number of them in
// the device at a time. What may start next is pool_order's choice; what an operation costs follows
// from its bytes, so that nobody pays for the time that others made it wait in the device.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "drama/base/clock.hpp"
#include "drama/base/intrusive_list.hpp"
#include "drama/base/spinlock.hpp"
#include "drama/io/io_backend.hpp"
#include "drama/runtime/disk/disk_request.hpp"
#include "drama/runtime/disk/unsynced_files.hpp"
#include "drama/sched/pool_order.hpp"

namespace drama::inline v0 {

/// Where the queue's operations go. Contract: as io_backend, for any thread.
class disk_device {
  public:
    /// `core`: set to what cancel() wants to know.
    virtual submission submit(operation& op, std::uint16_t& core) noexcept = 0;
    virtual void cancel(operation& op, std::uint16_t core) noexcept = 0;

  protected:
    ~disk_device() = default;
};

struct disk_queue_options {
    policy order = policy::fair;
    std::size_t depth_max = 4;
    std::size_t spare_max = 4;
    std::size_t spare_of_one = 2;
    std::size_t piece_bytes_max = std::size_t{256} * 1024;
    std::uint64_t unsynced_bytes_max = std::uint64_t{64} * 1024 * 1024;
};

/// Queues what reaches the device: reads, writes, syncs, changes of size and of names. Listings,
/// status and opening what is there pass by it, at the cost of an operation.
///
/// - At most `depth_max` operations are in the device, and `spare_max` more of tenants that have
///   fewer than `spare_of_one` there, in their turn: they do not wait for those who have many; nor
///   for their turn, where an operation has been there for `late_after`. One that stays there for
///   `overdue_after` is no longer counted: it waits for something else (a FIFO's other end, a
///   server that is gone).
/// - A read or write moves at most `piece_bytes_max` bytes at a time and queues anew for more.
/// - A tenant that has more than `unsynced_bytes_max` written and not synced writes through: each
///   piece is followed by a sync of its file, which fails the write if it fails.
/// - A sync costs what it writes back.
///
/// A cancel ends the wait of what is queued at once; between pieces it ends a transfer with what
/// has been moved. Whatever was submitted completes once, also at shutdown.
///
/// Threads:  any, inside the runtime (the lock is a spinlock). Memory: one request for each task
///           that waits, in its frame.
/// Lifetime: nothing is queued or in flight when it is destroyed.
class DRAMA_API disk_queue {
  public:
    /// Requires: depth_max and piece_bytes_max are not 0.
    disk_queue(disk_device& device, const drama::clock& clock,
               const disk_queue_options& options) noexcept;
    ~disk_queue();
    disk_queue(const disk_queue&) = delete;
    disk_queue& operator=(const disk_queue&) = delete;

    /// Queues `whole` on `payer`'s account; its `done` is called once, perhaps before submit
    /// returns. Errors: as the operation's; -ENOMEM.
    void submit(disk_request& request, operation& whole, tenant_record& payer) noexcept;
    /// Asks a submitted operation to end early; as io_backend::cancel.
    void cancel(disk_request& request) noexcept;
    /// An operation that does not queue has ended: charges it, and notes a file that was opened.
    void note_passed(const operation& op, tenant_record& payer) noexcept;

    /// Operations that wait. Threads: any (a hint), as the next.
    std::size_t queued() const noexcept { return order_.size(); }
    std::size_t in_flight() const noexcept { return in_flight_.load(std::memory_order_relaxed); }
    /// The clock of its order. Threads: any.
    const fair_clock& clock() const noexcept { return order_.clock(); }
    /// How long what would start next has waited.
    duration oldest_wait(instant now) noexcept;
    /// As pool_order::hold_so_far. Requires: the tenant has an account here.
    hold_watch::judgement hold_so_far(tenant_record& of, instant now) noexcept;
    /// Starts what may start because others are late or overdue. Called now and then while
    /// something waits.
    void look_for_overdue() noexcept;

    static constexpr duration overdue_after = std::chrono::seconds(1);
    static constexpr duration late_after = std::chrono::milliseconds(50);

  private:
    static void on_piece_done(operation& op) noexcept;
    void push_locked(disk_request& request, instant now);
    disk_request& take_locked(const pool_grant& grant, instant now) noexcept;
    bool begin(disk_request& request) noexcept;
    void conclude(disk_request& request) noexcept;
    bool go_on_locked(disk_request& request, instant now);
    void note_changes_locked(const disk_request& request, instant now) noexcept;
    void learn_price_locked(std::uint64_t nominal_ns, duration took) noexcept;
    double price_locked() const noexcept;
    pool_grant choose_locked(instant now) noexcept;
    void pump(std::unique_lock<spinlock>& lock) noexcept;
    void count_out_locked(disk_request& request) noexcept;

    disk_device* device_;
    const drama::clock clock_;
    const disk_queue_options options_;
    spinlock lock_;  // guards all that follows
    pool_order order_;
    unsynced_files unsynced_;
    intrusive_list<disk_request, disk_queue> counted_;  // the oldest first
    double time_ns_ = 0;                                // in the device, of late
    double nominal_ns_ = 0;                             // what that was for
    std::atomic<std::size_t> in_flight_{0};             // length of counted_
};

}  // namespace drama::inline v0
