// SPDX-License-Identifier: Apache-2.0
#include "drama/fault/fault_kind.hpp"

#include <array>
#include <cerrno>

namespace drama::inline v0 {
namespace {

struct description {
    fault_kind kind;
    std::string_view name;
    std::string_view family;
    std::int64_t usual = 0;
};

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t second = 1'000 * ms;

using enum fault_kind;

constexpr std::array<description, fault_kinds> table{{
    {connect_fails, "connect_fails", "network", ECONNREFUSED},
    {backlog_full, "backlog_full", "network"},
    {accept_fails, "accept_fails", "network", EMFILE},
    {net_latency, "net_latency", "network", 100 * ms},
    {bandwidth_collapse, "bandwidth_collapse", "network", 1'000},
    {datagram_mangled, "datagram_mangled", "network"},
    {partition, "partition", "network", second},
    {swizzle_clog, "swizzle_clog", "network", 100 * ms},
    {half_close, "half_close", "network"},
    {connection_reset, "connection_reset", "network"},
    {short_transfer, "short_transfer", "network", 1},
    {zero_window, "zero_window", "network", 100 * ms},
    {peer_never_reads, "peer_never_reads", "network"},
    {slow_trickle, "slow_trickle", "network", ms},
    {connect_then_silence, "connect_then_silence", "network"},
    {name_lookup, "name_lookup", "network"},
    {stale_reply, "stale_reply", "network"},
    {buffers_exhausted, "buffers_exhausted", "network"},
    {completion_after_cancel, "completion_after_cancel", "network"},
    {disk_error, "disk_error", "disk", EIO},
    {disk_full, "disk_full", "disk", ENOSPC},
    {disk_short_transfer, "disk_short_transfer", "disk", 1},
    {disk_interrupted, "disk_interrupted", "disk", EINTR},
    {disk_slow, "disk_slow", "disk", second},
    {torn_write, "torn_write", "disk", 512},
    {unsynced_lost, "unsynced_lost", "disk"},
    {length_without_data, "length_without_data", "disk"},
    {entry_lost, "entry_lost", "disk"},
    {misdirected, "misdirected", "disk", 512},
    {bit_flip, "bit_flip", "disk"},
    {stale_read, "stale_read", "disk"},
    {sync_error_forgotten, "sync_error_forgotten", "disk", EIO},
    {sync_error_per_fd, "sync_error_per_fd", "disk", EIO},
    {sync_error_for_ever, "sync_error_for_ever", "disk", EIO},
    {thread_unavailable, "thread_unavailable", "threads"},
    {blocking_stalls, "blocking_stalls", "threads", 10 * second},
    {pool_at_cap, "pool_at_cap", "threads", 1},
    {allocation_fails, "allocation_fails", "threads"},
    {stack_shallow, "stack_shallow", "threads", 128 * 1024},
    {worker_slow, "worker_slow", "threads", ms},
    {worker_paused, "worker_paused", "threads", 5 * second},
    {task_migrates, "task_migrates", "threads"},
    {callback_throws, "callback_throws", "threads"},
    {destructor_posts, "destructor_posts", "threads"},
    {timer_late, "timer_late", "time", 10 * ms},
    {timers_at_once, "timers_at_once", "time", 10 * ms},
    {cancel_at_expiry, "cancel_at_expiry", "time"},
    {wall_clock_back, "wall_clock_back", "time", 3'600 * second},
    {clock_jump, "clock_jump", "time", 60 * second},
    {tenant_floods, "tenant_floods", "tenant", 1'000},
    {tenant_never_yields, "tenant_never_yields", "tenant", 50 * ms},
    {tenant_ignores_stop, "tenant_ignores_stop", "tenant", 100 * ms},
    {tenant_leaks_permits, "tenant_leaks_permits", "tenant", second},
    {tenant_fills_shutdown, "tenant_fills_shutdown", "tenant", 1'000},
    {tenant_reconfigured, "tenant_reconfigured", "tenant"},
    {user, "user", "user"},
}};

constexpr bool is_in_order() noexcept {
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (static_cast<std::size_t>(table[i].kind) != i) {
            return false;
        }
    }
    return true;
}
static_assert(is_in_order(), "one line a kind, in the order of the enumeration");

const description& about(fault_kind kind) noexcept {
    return table[static_cast<std::size_t>(kind)];
}

}  // namespace

std::string_view name_of(fault_kind kind) noexcept {
    return about(kind).name;
}

std::optional<fault_kind> parse_fault_kind(std::string_view name) noexcept {
    for (const description& each : table) {
        if (each.name == name) {
            return each.kind;
        }
    }
    return std::nullopt;
}

std::string_view family_of(fault_kind kind) noexcept {
    return about(kind).family;
}

std::int64_t usual_value(fault_kind kind) noexcept {
    return about(kind).usual;
}

}  // namespace drama::inline v0
