// SPDX-License-Identifier: Apache-2.0
// Many readers or one writer.
#pragma once

#include <atomic>
#include <optional>
#include <source_location>
#include <utility>

#include "drama/base/result.hpp"
#include "drama/sync/internal/waiter.hpp"

namespace drama::inline v0 {

/// A lock that readers share. It is handed over directly, in the order of arrival: a reader that
/// comes after a waiting writer waits behind it, so neither side starves.
///
/// Threads: all from any thread. Lifetime: outlives its guards and waiters.
class DRAMA_API shared_mutex final : internal::sync_base {
  public:
    /// Holds the lock, alone or shared, until it is destroyed. Threads: one at a time.
    template <bool Exclusive>
    class [[nodiscard]] basic_guard {
      public:
        basic_guard() noexcept = default;
        explicit basic_guard(shared_mutex& held) noexcept : held_(&held) {}
        basic_guard(basic_guard&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
        basic_guard& operator=(basic_guard&& other) noexcept {
            std::swap(held_, other.held_);
            return *this;
        }
        ~basic_guard() { unlock(); }

        /// Lets go early. Harmless if it holds nothing.
        void unlock() noexcept {
            if (held_ != nullptr) {
                std::exchange(held_, nullptr)->unlock(Exclusive);
            }
        }
        explicit operator bool() const noexcept { return held_ != nullptr; }

      private:
        shared_mutex* held_ = nullptr;
    };
    using guard = basic_guard<true>;
    using shared_guard = basic_guard<false>;

    template <bool Exclusive>
    struct lock_awaiter;

    shared_mutex() noexcept = default;

    /// Locks for writing. Suspends: until it is handed over.
    /// Errors: errc::stop_requested, errc::deadline_exceeded; the task then does not hold it.
    [[nodiscard]] lock_awaiter<true> lock(
        std::source_location where = std::source_location::current()) noexcept;
    /// The same for at most `timeout`. Errors: errc::deadline_exceeded when it has passed.
    [[nodiscard]] lock_awaiter<true> lock(
        duration timeout, std::source_location where = std::source_location::current()) noexcept;
    /// Locks for reading, together with other readers. As lock.
    [[nodiscard]] lock_awaiter<false> lock_shared(
        std::source_location where = std::source_location::current()) noexcept;
    [[nodiscard]] lock_awaiter<false> lock_shared(
        duration timeout, std::source_location where = std::source_location::current()) noexcept;

    /// Never wait; nor do they overtake those who do.
    [[nodiscard]] std::optional<guard> try_lock() noexcept { return try_take<true>(); }
    [[nodiscard]] std::optional<shared_guard> try_lock_shared() noexcept {
        return try_take<false>();
    }

    /// The task that locked it for writing, or nullptr. A snapshot, for reports.
    const runnable* holder() const noexcept { return holder_.load(std::memory_order_relaxed); }

  private:
    bool can_take(bool exclusive) const noexcept {
        return !writer_ && (!exclusive || readers_ == 0);
    }
    void take(bool exclusive, const runnable* by) noexcept {
        if (exclusive) {
            writer_ = true;
            holder_.store(by, std::memory_order_relaxed);
        } else {
            ++readers_;
        }
    }
    template <bool Exclusive>
    std::optional<basic_guard<Exclusive>> try_take() noexcept {
        state_lock.lock();
        const bool taken = waiting_.empty() && can_take(Exclusive);
        if (taken) {
            take(Exclusive, current_runnable());
        }
        state_lock.unlock();
        return taken ? std::optional<basic_guard<Exclusive>>(std::in_place, *this) : std::nullopt;
    }
    void unlock(bool exclusive) noexcept;
    /// Hands over to the first waiter, and to the readers right behind a reader.
    void hand_over(internal::wake_list& woken) noexcept;
    void gave_up(internal::sync_waiter& gone, internal::wake_list& woken) noexcept override;

    internal::waiter_queue waiting_;
    std::size_t readers_ = 0;
    bool writer_ = false;
    std::atomic<const runnable*> holder_{nullptr};  // written under the lock, read by reports
};

template <bool Exclusive>
struct [[nodiscard]] shared_mutex::lock_awaiter
    : internal::sync_awaiter<shared_mutex::lock_awaiter<Exclusive>> {
    using base = internal::sync_awaiter<shared_mutex::lock_awaiter<Exclusive>>;

    lock_awaiter(shared_mutex& of, duration at_most, std::source_location at) noexcept
        : base(of, wait_kind::lock, at_most, at), target(&of) {
        this->wants = Exclusive ? 1 : 0;
        this->object = &of.holder_;
    }
    bool take(internal::wake_list&) noexcept {
        if (target->waiting_.empty() && target->can_take(Exclusive)) {
            target->take(Exclusive, this->self);
            this->outcome = internal::wait_outcome::granted;
            return true;
        }
        return false;
    }
    internal::waiter_queue& line() noexcept { return target->waiting_; }
    [[nodiscard]] result<basic_guard<Exclusive>> await_resume() noexcept {
        this->settle();
        if (this->outcome != internal::wait_outcome::granted) {
            return fail(this->error());
        }
        return result<basic_guard<Exclusive>>(std::in_place, *target);
    }

    shared_mutex* target;
};

inline shared_mutex::lock_awaiter<true> shared_mutex::lock(std::source_location where) noexcept {
    return {*this, internal::no_timeout, where};
}
inline shared_mutex::lock_awaiter<true> shared_mutex::lock(duration timeout,
                                                           std::source_location where) noexcept {
    return {*this, timeout, where};
}
inline shared_mutex::lock_awaiter<false> shared_mutex::lock_shared(
    std::source_location where) noexcept {
    return {*this, internal::no_timeout, where};
}
inline shared_mutex::lock_awaiter<false> shared_mutex::lock_shared(
    duration timeout, std::source_location where) noexcept {
    return {*this, timeout, where};
}

}  // namespace drama::inline v0
