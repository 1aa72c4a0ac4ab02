// SPDX-License-Identifier: Apache-2.0
// What a suspended task waits for. Every awaiter embeds one; simulator, watchdog and explain read
// it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <source_location>

#include "drama/base/clock.hpp"
#include "drama/base/errc.hpp"

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
    /// What is waited for: the primitive or operation. A join: the `runnable`. A lock: where its
    /// holder is found, a `std::atomic<const runnable*>`. A turn: the waiting task itself.
    const void* object = nullptr;
    std::source_location where;

    /// Ends the wait early if it still stands; null if the wait cannot be cut short (a join of
    /// children passes the request on instead). Called under the stop lock: must not block, may
    /// wake.
    void (*cancel)(wait_record&) noexcept = nullptr;

    /// The task that can end the wait now, or nullptr. A name: it may have ended, look into it only
    /// where that is excluded.
    const runnable* current_holder() const noexcept {
        if (kind == wait_kind::lock) {
            const auto* const at = static_cast<const std::atomic<const runnable*>*>(object);
            return at->load(std::memory_order_relaxed);
        }
        return kind == wait_kind::join ? static_cast<const runnable*>(object) : nullptr;
    }
    /// Notes the start: that of the turn that begins the wait.
    void begin(instant now) noexcept { since_ = coarse_instant(now); }
    /// How long it has lasted at `now`. Units: exact to about a millisecond, up to 50 days. Zero
    /// for a turn: its beginning is the queue's (`work_item::queued_at`).
    duration lasted(instant now) const noexcept {
        return kind == wait_kind::turn ? duration::zero() : coarse_instant(now).since(since_);
    }

  private:
    coarse_instant since_;  // a record lies in every waiting frame, so it is kept small

  public:
    wait_kind kind = wait_kind::turn;
    errc stop_reason{};  ///< why `cancel` is called; set before, under the stop lock
};
static_assert(sizeof(wait_record) <= 32);

}  // namespace drama::inline v0
