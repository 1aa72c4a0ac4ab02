// SPDX-License-Identifier: Apache-2.0
// What a suspended task waits for. Every awaiter embeds one; simulator, watchdog and explain read
// it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <source_location>

#include "drama/base/atomic.hpp"
#include "drama/base/clock.hpp"
#include "drama/base/errc.hpp"
#include "drama/base/spinlock.hpp"

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
    /// holder is found, a `std::atomic<const runnable*>`. A turn: the waiting task itself. A call
    /// on a pool: its `job`.
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

// The state of a task that others look at: what it waits for, and whether it is asked to stop.
//
// 1. begin(): the wait is published, then the task asks whether a stop is pending.
// 2. ask(), under the lock: a stop is pending, then whoever asks looks for a wait to cut short.
// Both are sequentially consistent, so one of the two sees the other: no stop is lost.
// 3. end() withdraws the wait under the lock: afterwards nobody looks into the record.
// The model checker searches all of it (tests/model/wait_word_test.cpp).

/// Threads: begin and end by the task that waits; the rest by any. What a record says is published
///          by begin() and read under the lock.
template <class Record, class Atomics = real_atomics>
class basic_wait_word {
  public:
    /// False if a stop is pending: the task must not wait.
    bool begin(Record& record) noexcept {
        wait_.store(reinterpret_cast<std::uintptr_t>(&record), std::memory_order_seq_cst);
        return !pending_.load(std::memory_order_seq_cst);
    }
    /// A wait that goes on although a stop is pending.
    void begin_steady(Record& record) noexcept {
        wait_.store(reinterpret_cast<std::uintptr_t>(&record), std::memory_order_seq_cst);
    }
    /// A wait for the next turn, which has no record: `place` says where. Neither lock nor fence.
    void begin_turn(std::uintptr_t place) noexcept {
        wait_.store(place | turn_mark, std::memory_order_release);
    }
    void end_turn() noexcept { wait_.store(0, std::memory_order_relaxed); }
    void end() noexcept {
        lock_.lock();
        wait_.store(0, std::memory_order_relaxed);
        lock_.unlock();
    }

    bool is_stopping() const noexcept { return pending_.load(std::memory_order_acquire); }

    void lock() noexcept { lock_.lock(); }
    bool try_lock() noexcept { return lock_.try_lock(); }
    void unlock() noexcept { lock_.unlock(); }

    // Under the lock.

    /// A stop is pending from now on. Yields the wait that it is to cut short, or null.
    Record* ask() noexcept {
        pending_.store(true, std::memory_order_seq_cst);
        const std::uintptr_t wait = wait_.load(std::memory_order_seq_cst);
        return (wait & turn_mark) != 0 ? nullptr : reinterpret_cast<Record*>(wait);
    }
    void set_pending(bool is_pending) noexcept {
        pending_.store(is_pending, std::memory_order_seq_cst);
    }
    /// What is waited for: a record, null, or the place of a turn_of(). Acquire: who waits has
    /// published what the record says, and holds no lock for it.
    std::uintptr_t look() const noexcept { return wait_.load(std::memory_order_acquire); }

    static bool is_turn(std::uintptr_t wait) noexcept { return (wait & turn_mark) != 0; }
    static std::uintptr_t place_of(std::uintptr_t turn) noexcept { return turn & ~turn_mark; }
    static const Record* record_of(std::uintptr_t wait) noexcept {
        return reinterpret_cast<const Record*>(wait);
    }

  private:
    static constexpr std::uintptr_t turn_mark = 1;

    // The address of a record; or that of the place of a yield, marked.
    typename Atomics::template atomic<std::uintptr_t> wait_{0};
    basic_spinlock<Atomics> lock_;  // guards the life of the record, and what the owner says
    typename Atomics::template atomic<bool> pending_{false};
};

}  // namespace drama::inline v0
