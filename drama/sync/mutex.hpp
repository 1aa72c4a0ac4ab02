// SPDX-License-Identifier: Apache-2.0
// Mutual exclusion between tasks: waiting suspends the task, never the thread.
#pragma once

#include <atomic>
#include <optional>
#include <source_location>
#include <utility>

#include "drama/base/result.hpp"
#include "drama/sync/internal/waiter.hpp"

namespace drama::inline v0 {

class mutex;

/// Holds a mutex until it is destroyed. Threads: one at a time; any may destroy it.
class [[nodiscard]] mutex_guard {
  public:
    mutex_guard() noexcept = default;
    /// Requires: the mutex is locked, and nobody else will unlock it.
    explicit mutex_guard(mutex& held) noexcept : held_(&held) {}
    mutex_guard(mutex_guard&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
    mutex_guard& operator=(mutex_guard&& other) noexcept {
        std::swap(held_, other.held_);
        return *this;
    }
    ~mutex_guard() { unlock(); }

    /// Lets go early. Harmless if it holds nothing.
    inline void unlock() noexcept;
    explicit operator bool() const noexcept { return held_ != nullptr; }
    mutex* held() const noexcept { return held_; }

  private:
    mutex* held_ = nullptr;
};

/// A lock that is handed over directly: tenants take turns by weight, the tasks of one tenant have
/// it in the order of arrival.
///
/// `DRAMA_CO_TRY(auto guard, co_await index.lock());`
/// Complexity: O(1), O(log tenants) while several wait; no allocation; tens of nanoseconds while
///             nobody waits.
/// Threads:    all from any thread. Lifetime: outlives its guards and waiters.
class DRAMA_API mutex final : internal::sync_base {
  public:
    struct lock_awaiter;

    mutex() noexcept = default;

    /// Suspends: until it is handed over. Errors: errc::stop_requested, errc::deadline_exceeded;
    /// the task then does not hold it.
    [[nodiscard]] lock_awaiter lock(
        std::source_location where = std::source_location::current()) noexcept;
    /// The same for at most `timeout`. Errors: errc::deadline_exceeded when it has passed.
    [[nodiscard]] lock_awaiter lock(
        duration timeout, std::source_location where = std::source_location::current()) noexcept;
    /// Never waits. Threads: any, also without a task.
    [[nodiscard]] std::optional<mutex_guard> try_lock() noexcept {
        state_lock.lock();
        const bool taken = take(current_runnable());
        state_lock.unlock();
        return taken ? std::optional<mutex_guard>(std::in_place, *this) : std::nullopt;
    }

    /// The task that locked it, or nullptr. A snapshot, for reports.
    const runnable* holder() const noexcept { return holder_.load(std::memory_order_relaxed); }

  private:
    friend class mutex_guard;
    friend class condition;

    bool take(const runnable* by) noexcept {
        if (held_) {
            return false;
        }
        held_ = true;
        holder_.store(by, std::memory_order_relaxed);
        return true;
    }
    void unlock() noexcept {
        tell_given(1);
        internal::wake_list woken;
        state_lock.lock();
        DRAMA_ASSERT(held_, "unlocking a mutex that nobody holds");
        if (waiting_.empty()) [[likely]] {
            held_ = false;
            holder_.store(nullptr, std::memory_order_relaxed);
        } else {
            holder_.store(waiting_.serve(woken).self, std::memory_order_relaxed);
        }
        state_lock.unlock();
        woken.wake();
    }
    /// Locks for a suspended task, now or when its turn comes; no stop ends that wait.
    void lock_for(internal::queue_node& node, internal::wake_list& woken) noexcept;

    internal::waiter_queue waiting_;
    bool held_ = false;
    std::atomic<const runnable*> holder_{nullptr};  // written under the lock, read by reports
};

struct [[nodiscard]] mutex::lock_awaiter : internal::sync_awaiter<mutex::lock_awaiter> {
    lock_awaiter(mutex& of, duration at_most, std::source_location at) noexcept
        : sync_awaiter(of, wait_kind::lock, at_most, at), target(&of) {
        object = &of.holder_;
    }
    bool take(internal::wake_list&) noexcept {
        if (target->take(self)) {
            outcome = internal::wait_outcome::granted;
            return true;
        }
        return false;
    }
    internal::waiter_queue& line() noexcept { return target->waiting_; }
    [[nodiscard]] result<mutex_guard> await_resume() noexcept {
        settle();
        if (outcome != internal::wait_outcome::granted) {
            return fail(error());
        }
        return result<mutex_guard>(std::in_place, *target);
    }

    mutex* target;
};

inline mutex::lock_awaiter mutex::lock(std::source_location where) noexcept {
    return {*this, internal::no_timeout, where};
}
inline mutex::lock_awaiter mutex::lock(duration timeout, std::source_location where) noexcept {
    return {*this, timeout, where};
}

inline void mutex_guard::unlock() noexcept {
    if (held_ != nullptr) {
        std::exchange(held_, nullptr)->unlock();
    }
}

}  // namespace drama::inline v0
