// SPDX-License-Identifier: Apache-2.0
// What a suspended task waits for. Every awaiter embeds one; simulator, watchdog and explain read
// it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <system_error>

#include "drama/base/clock.hpp"

namespace drama::inline v0 {

class account;
class runnable;

enum class wait_kind : std::uint8_t {
    turn,       ///< yielded; waits for its next turn
    timer,      ///< sleeps
    io,         ///< an operation is in flight
    join,       ///< waits for another task
    children,   ///< waits for all of its own children
    lock,       ///< waits for a holder to let go
    space,      ///< waits for room in a channel or for a permit
    item,       ///< waits for an item or an event
    compute,    ///< a compute function runs or is queued
    blocking,   ///< a blocking function runs or is queued
    admission,  ///< stands in front of a gate
};

constexpr const char* name_of(wait_kind kind) noexcept {
    constexpr const char* names[] = {"turn",  "timer", "io",      "join",     "children", "lock",
                                     "space", "item",  "compute", "blocking", "admission"};
    return names[static_cast<std::size_t>(kind)];
}

/// {what, holder, since, where} of one wait, and the way to end it early.
///
/// Threads:  written by the waiting task before it is published through `runnable::begin_wait`;
/// read
///           and cancelled under the runnable's stop lock.
/// Lifetime: lives in the awaiter, which outlives the wait.
struct wait_record {
    wait_kind kind = wait_kind::turn;
    const void* object = nullptr;      ///< the primitive, operation or task waited for
    const runnable* holder = nullptr;  ///< the task that can end the wait, where one is known
    /// Where the holder is found instead, if it may change while the wait stands.
    const std::atomic<const runnable*>* holder_now = nullptr;
    instant since = long_ago;  ///< coarse: the start of the turn that began the wait
    std::source_location where;
    std::error_code stop_reason;  ///< why `cancel` is called; set before, under the stop lock

    /// Ends the wait early if it still stands; null if the wait cannot be cut short (a join of
    /// children passes the request on instead). Called under the stop lock: must not block, may
    /// wake.
    void (*cancel)(wait_record&) noexcept = nullptr;

    /// The task that can end the wait now, or nullptr. A name: it may have ended, look into it only
    /// where that is excluded.
    const runnable* current_holder() const noexcept {
        return holder_now != nullptr ? holder_now->load(std::memory_order_relaxed) : holder;
    }
};

}  // namespace drama::inline v0
