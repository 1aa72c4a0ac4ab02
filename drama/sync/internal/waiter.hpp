// SPDX-License-Identifier: Apache-2.0
// What all primitives share: the wait of a task, and the protocol by which exactly one of waker,
// stop and timeout ends it.
//
// The protocol, per wait:
//  1. Under the primitive's lock the task publishes its record and enters the line, or it does not
//     wait. A stop that came before is seen there; one that comes later finds the node in the line.
//  2. Whoever takes the node out of the line, under the lock, decides the outcome: a waker grants,
//     a stop or a timeout gives up. The others find it gone and do nothing. So what was granted is
//     never lost, and one who gives up never held anything.
//  3. The decider makes the task ready after it has left the lock, and never touches the node
//     again: the awaiter may be gone.
//  4. The resumed task withdraws its record and its timer, which waits for those who still look.
//
// Lock order: a task's stop lock, then a condition's lock, then another primitive's lock. Timers
// fire and tasks are made ready without any of these.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <source_location>
#include <utility>

#include "drama/base/result.hpp"
#include "drama/base/spinlock.hpp"
#include "drama/coro/runnable.hpp"
#include "drama/coro/watch/task_watcher.hpp"
#include "drama/sync/internal/waiter_queue.hpp"

namespace drama::inline v0::internal {

class sync_base;

inline constexpr duration no_timeout = duration::max();

/// The wait of one task for one primitive: base of every awaiter here.
struct DRAMA_API sync_waiter : wait_record, queue_node {
    sync_waiter(sync_base& of, wait_kind what, duration at_most, std::source_location at) noexcept
        : primitive(&of), timeout(at_most) {
        kind = what;
        object = &of;
        where = at;
        cancel = &on_cancel;
    }
    sync_waiter(const sync_waiter&) = delete;
    sync_waiter& operator=(const sync_waiter&) = delete;

    void attach(runnable& task) noexcept { self = &task; }
    /// Sees a stop that is pending before anything is taken. Every await is a stop point.
    bool is_stopped() noexcept {
        self->keep_class();
        if (self->is_watched) [[unlikely]] {
            tell_asked();
        }
        if (self->is_stopping()) [[unlikely]] {
            outcome = wait_outcome::stopped;
            return true;
        }
        return false;
    }
    /// The await ends without a wait. True: the task has gone on so for long; others come first.
    bool must_give_way() noexcept { return given_way = --self->slot().inline_left <= 0; }
    bool must_give_way_refused() noexcept { return given_way = self->must_give_way_refused(); }
    /// Behind others, with what it has got or the reason why not. Suspends.
    void give_way(std::coroutine_handle<> at) noexcept;
    /// The same for an await_suspend that does not wait, if it must. Requires: it is in no line.
    bool gives_way_after_all(std::coroutine_handle<> at) noexcept {
        if (!must_give_way_refused()) {
            return false;
        }
        give_way(at);
        return true;
    }
    /// Before the lock is taken: says where to go on and arms the timeout. The timeout may pass
    /// before the task stands in the line; `expired` then tells `enter`.
    void prepare(std::coroutine_handle<> at) noexcept;
    /// Under the lock: publishes the wait and enters `into`. False: `outcome` says why not.
    bool enter(waiter_queue& into) noexcept;
    /// On resumption: afterwards nobody else touches this.
    void settle() noexcept {
        if (published || timed) {
            withdraw();
        }
        if (self->is_watched) [[unlikely]] {
            tell_outcome();
        }
    }
    /// Why nothing was granted.
    std::error_code error() const noexcept;

    struct timeout_timer : timer_node {
        sync_waiter* of = nullptr;
    };

    sync_base* primitive;
    duration timeout;
    bool published = false;
    bool timed = false;
    bool expired = false;  ///< guarded by the primitive's lock
    bool given_way = false;
    timeout_timer timer;

  private:
    static void on_cancel(wait_record& record) noexcept;
    static void on_timeout(timer_node& node) noexcept;
    void withdraw() noexcept;
    void tell_asked() noexcept;
    void tell_outcome() noexcept;
    std::size_t held_count() const noexcept;
};

/// Base of every primitive: its lock, and what follows when a waiter gives up.
class DRAMA_API sync_base : public watched_object {
  public:
    sync_base(const sync_base&) = delete;
    sync_base& operator=(const sync_base&) = delete;

    /// Ends the wait unless it has ended.
    void give_up(sync_waiter& waiter, wait_outcome why) noexcept;

    spinlock state_lock;  // guards the primitive's state and its lines

  protected:
    sync_base() noexcept = default;
    /// Whoever uses it afterwards is told so by the lock, where the memory still says it.
    ~sync_base() {
        if (watcher.load(std::memory_order_relaxed) != nullptr) [[unlikely]] {
            tell_destroyed();
        }
    }
    /// `count` of what tasks took came back.
    void tell_given(std::size_t count) noexcept {
        if (watcher.load(std::memory_order_relaxed) != nullptr) [[unlikely]] {
            tell_watcher_given(count);
        }
    }

    /// `gone` gave up and has left its line: wakes it, and lets those whom it held up go on.
    /// Called under the lock.
    virtual void gave_up(sync_waiter& gone, wake_list& woken) noexcept { woken.add(*gone.self); }

  private:
    void tell_destroyed() noexcept;
    void tell_watcher_given(std::size_t count) noexcept;
};

/// The steps of an await, for an `Awaiter` that has
///   bool take(wake_list&) noexcept   - under the lock: takes what it wants if it may, and says how
///                                      it went in `outcome`; false: it must wait
///   waiter_queue& line() noexcept    - where it waits
template <class Awaiter>
struct sync_awaiter : sync_waiter {
    using sync_waiter::sync_waiter;

    bool await_ready() noexcept {
        if (is_stopped()) [[unlikely]] {
            return !must_give_way_refused();
        }
        wake_list woken;
        primitive->state_lock.lock();
        const bool taken = static_cast<Awaiter*>(this)->take(woken);
        primitive->state_lock.unlock();
        woken.wake();
        return taken && !must_give_way();
    }
    bool await_suspend(std::coroutine_handle<> at) noexcept {
        if (given_way) {
            give_way(at);
            return true;
        }
        prepare(at);
        auto& me = static_cast<Awaiter&>(*this);
        sync_base& of = *primitive;
        wake_list woken;
        of.state_lock.lock();
        const bool waits = !me.take(woken) && enter(me.line());
        of.state_lock.unlock();
        woken.wake();  // not ours any more, if it waits
        return waits || gives_way_after_all(at);
    }
};

}  // namespace drama::inline v0::internal
