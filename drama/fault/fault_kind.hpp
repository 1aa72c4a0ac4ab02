// SPDX-License-Identifier: Apache-2.0
// What can go wrong: a closed list. A kind is a way in which the world misbehaves; which of its
// forms, where and how often is a rule's business (fault_plan.hpp). docs/guide-faults.md lists all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "drama/base/export.hpp"

namespace drama::inline v0 {

/// In brackets: what a rule's value means, and what it is if the rule has none.
enum class fault_kind : std::uint8_t {
    // Network.
    connect_fails,         ///< [errno: ECONNREFUSED] refused, timed out, unreachable
    backlog_full,          ///< [unused] the listener's queue has no room: the connect waits, fails
    accept_fails,          ///< [errno: EMFILE] no descriptor for the connection
    net_latency,           ///< [ns: 100 ms] added to the way of one segment
    bandwidth_collapse,    ///< [bytes/s: 1000]
    datagram_mangled,      ///< [0] 0 lost, 1 twice, 2 overtaken by later ones
    partition,             ///< [ns: 1 s] how long; negative: one way only
    swizzle_clog,          ///< [ns: 100 ms] a random part of the links stops, and comes back singly
    half_close,            ///< [1 + bytes of the send that come: 0, drawn] the peer ends its side
    connection_reset,      ///< [1 + bytes of the send that come: 0, drawn] RST mid-message too
    short_transfer,        ///< [bytes: 1] at most so many of a send or recv
    zero_window,           ///< [ns: 100 ms] the peer's buffer takes nothing
    peer_never_reads,      ///< [unused] and goes on writing
    slow_trickle,          ///< [ns: 1 ms] a byte at a time, so far apart
    connect_then_silence,  ///< [unused] connected, and no byte ever
    name_lookup,           ///< [0] 0 fails, positive: takes so many ns, negative: another address
    stale_reply,           ///< [unused] a byte of an earlier connection between the same ends
    buffers_exhausted,     ///< [unused] no pooled buffer to read into
    completion_after_cancel,  ///< [unused] the operation ends by itself though it was cancelled

    // Disk.
    disk_error,            ///< [errno: EIO] the site says of what
    disk_full,             ///< [errno: ENOSPC] also EDQUOT, EROFS
    disk_short_transfer,   ///< [bytes: 1] at most so many
    disk_interrupted,      ///< [errno: EINTR] also EAGAIN
    disk_slow,             ///< [ns: 1 s] longer; `stuck` for ever
    torn_write,            ///< [bytes: 512] of the sectors of a write any subset survives a crash
    unsynced_lost,         ///< [0] at a crash 0 lost, 1 kept, 2 kept out of order
    length_without_data,   ///< [unused] a crash keeps the length, the bytes are zeros
    entry_lost,            ///< [unused] a crash loses a name whose directory was not synced
    misdirected,           ///< [bytes: 512] a transfer goes this far beside its place
    bit_flip,              ///< [bit: 0] counted from the start of the transfer
    stale_read,            ///< [unused] what was there before the last write
    sync_error_forgotten,  ///< [errno: EIO] once; pages count as clean, the next sync succeeds
    sync_error_per_fd,     ///< [errno: EIO] told only to descriptors open at the time
    sync_error_for_ever,   ///< [errno: EIO] from now on

    // Threads and memory.
    thread_unavailable,  ///< [unused] EAGAIN
    blocking_stalls,     ///< [ns: 10 s] before a function of a pool begins; `stuck` for ever
    pool_at_cap,         ///< [threads: 1] a pool has no more
    allocation_fails,    ///< [unused] bad_alloc
    stack_shallow,       ///< [bytes: 128 Ki] a step finds so much stack left
    worker_slow,         ///< [ns: 1 ms] added to a step
    worker_paused,       ///< [ns: 5 s] in the middle of a step
    task_migrates,       ///< [unused] a woken task goes on on another core
    callback_throws,     ///< [unused] an exception from a user's function
    destructor_posts,    ///< [unused] a destructor spawns work

    // Time.
    timer_late,        ///< [ns: 10 ms]
    timers_at_once,    ///< [ns: 10 ms] timers of such a span are due at one instant
    cancel_at_expiry,  ///< [unused] a stop in the tick in which the timer fires
    wall_clock_back,   ///< [ns: 1 h]
    clock_jump,        ///< [ns: 1 min] forward: the machine was suspended

    // A tenant that misbehaves.
    tenant_floods,          ///< [count: 1000] the site says with what
    tenant_never_yields,    ///< [ns: 50 ms] of CPU without an await
    tenant_ignores_stop,    ///< [ns: 100 ms] goes on for so long after it was asked to stop
    tenant_leaks_permits,   ///< [ns: 1 s] holds what it was granted for so long
    tenant_fills_shutdown,  ///< [count: 1000] uses up its quota while the runtime stops
    tenant_reconfigured,    ///< [0] in mid-request 0 another weight, 1 limits that allow nothing

    // By name.
    user,  ///< [unused] fault_point("site")
};
inline constexpr std::size_t fault_kinds = static_cast<std::size_t>(fault_kind::user) + 1;

/// A value in ns: it never ends.
inline constexpr std::int64_t stuck = INT64_MAX;

/// The enumerator's name.
DRAMA_API std::string_view name_of(fault_kind kind) noexcept;
/// Nothing if there is no such name.
DRAMA_API std::optional<fault_kind> parse_fault_kind(std::string_view name) noexcept;
/// "network", "disk", "threads", "time", "tenant" or "user".
DRAMA_API std::string_view family_of(fault_kind kind) noexcept;
/// What a rule without a value means.
DRAMA_API std::int64_t usual_value(fault_kind kind) noexcept;

}  // namespace drama::inline v0
