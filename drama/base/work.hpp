// SPDX-License-Identifier: Apache-2.0
// The closed label sets of drama, and the node by which work stands in a fair queue.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "drama/base/clock.hpp"

namespace drama::inline v0 {

/// How work runs.
enum class work_kind : std::uint8_t { async, compute, blocking };
inline constexpr std::size_t work_kinds = 3;

/// How near the end of its request work is; changes at every await. Nearest first.
enum class work_class : std::uint8_t { write, compute, read, accept };
inline constexpr std::size_t work_classes = 4;

/// What is charged and saturates.
enum class resource : std::uint8_t { cpu, blocking, disk, net, memory };
inline constexpr std::size_t resources = 5;

/// The fair queues of one runtime.
enum class queue_id : std::uint8_t { async, compute, blocking, disk, net };
inline constexpr std::size_t queues = 5;

/// A tenant's latency setting: scales the slice, so when it runs, never how much.
enum class latency : std::uint8_t { low, normal, high };

constexpr const char* name_of(work_kind value) noexcept {
    constexpr const char* names[] = {"async", "compute", "blocking"};
    return names[static_cast<std::size_t>(value)];
}
constexpr const char* name_of(work_class value) noexcept {
    constexpr const char* names[] = {"write", "compute", "read", "accept"};
    return names[static_cast<std::size_t>(value)];
}
constexpr const char* name_of(resource value) noexcept {
    constexpr const char* names[] = {"cpu", "blocking", "disk", "net", "memory"};
    return names[static_cast<std::size_t>(value)];
}
constexpr const char* name_of(queue_id value) noexcept {
    constexpr const char* names[] = {"async", "compute", "blocking", "disk", "net"};
    return names[static_cast<std::size_t>(value)];
}

/// One piece of queued work: a link in one tenant's lane. Whatever is queued embeds or derives it.
/// Ownership: the queue links items and owns none; an item is in at most one queue.
struct work_item {
    work_item* next = nullptr;
    union {
        work_item* preceding = nullptr;  ///< while queued in a lane; stale at its head
        void* runs_on;                   ///< while a task runs: its trampoline
    };
    std::atomic<void*> stands_in{nullptr};  ///< the lane set that links it; null: none does
    instant queued_at = long_ago;           ///< set by the queue on push
    work_class cls = work_class::read;
};

}  // namespace drama::inline v0
