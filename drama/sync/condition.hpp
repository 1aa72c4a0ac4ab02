// SPDX-License-Identifier: Apache-2.0
// Waiting, under a mutex, for something that another task will make true.
#pragma once

#include <source_location>

#include "drama/sync/mutex.hpp"

namespace drama::inline v0 {

/// A condition variable: `while (!ready) { DRAMA_CO_TRY(...)` around `co_await
/// changed.wait(guard)`.
///
/// A notified task does not run until the mutex is handed to it: notifying wakes nobody in vain.
/// Threads: all from any thread, with or without the mutex. Lifetime: outlives its waiters.
class DRAMA_API condition final : internal::sync_base {
  public:
    struct wait_awaiter;

    condition() noexcept = default;

    /// Unlocks, waits to be notified, and locks again before it returns, also when it fails.
    ///
    /// Suspends: until notified, and then until the mutex is free.
    /// Errors:   errc::stop_requested, errc::deadline_exceeded; the guard holds the mutex again.
    /// Requires: the guard holds a mutex, outlives the await and is not touched by others.
    [[nodiscard]] wait_awaiter wait(
        mutex_guard& guard, std::source_location where = std::source_location::current()) noexcept;
    /// The same for at most `timeout`. Errors: errc::deadline_exceeded when it has passed.
    [[nodiscard]] wait_awaiter wait(
        mutex_guard& guard, duration timeout,
        std::source_location where = std::source_location::current()) noexcept;

    void notify_one() noexcept { notify(1); }
    void notify_all() noexcept { notify(static_cast<std::size_t>(-1)); }

  private:
    void notify(std::size_t at_most) noexcept;
    void gave_up(internal::sync_waiter& gone, internal::wake_list& woken) noexcept override;

    internal::waiter_queue waiting_;
};

struct [[nodiscard]] condition::wait_awaiter : internal::sync_waiter {
    wait_awaiter(condition& of, mutex_guard& guard, duration at_most,
                 std::source_location at) noexcept
        : sync_waiter(of, wait_kind::item, at_most, at), target(&of), locked(guard.held()) {
        DRAMA_ASSERT(locked != nullptr, "waiting on a condition without its mutex");
    }
    bool await_ready() noexcept { return is_stopped() && !must_give_way_refused(); }
    bool await_suspend(std::coroutine_handle<> at) noexcept;
    [[nodiscard]] result<void> await_resume() noexcept {
        settle();
        if (outcome != internal::wait_outcome::granted) {
            return fail(error());
        }
        return {};
    }

    condition* target;
    mutex* locked;
    /// Its place in the mutex's line, once it was notified.
    struct relock_node : internal::queue_node {
        mutex* locked = nullptr;
    } relock;
};

inline condition::wait_awaiter condition::wait(mutex_guard& guard,
                                               std::source_location where) noexcept {
    return {*this, guard, internal::no_timeout, where};
}
inline condition::wait_awaiter condition::wait(mutex_guard& guard, duration timeout,
                                               std::source_location where) noexcept {
    return {*this, guard, timeout, where};
}

}  // namespace drama::inline v0
