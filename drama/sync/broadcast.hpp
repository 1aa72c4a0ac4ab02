// SPDX-License-Identifier: Apache-2.0
// Every receiver sees every value that is sent while it listens, unless it is too slow.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "drama/base/result.hpp"
#include "drama/sync/internal/waiter.hpp"

namespace drama::inline v0 {

template <class T>
class broadcast_receiver;

/// A value, and how many were lost right before it because the receiver was too slow.
template <class T>
struct broadcast_item {
    T value;
    std::uint64_t lagged = 0;
};

/// Keeps the last `capacity` values for receivers that are behind. Sending never waits: a receiver
/// that is further behind than that loses the oldest and is told how many (`lagged`).
///
/// Complexity: send O(waiting receivers); memory is taken once, at construction.
/// Requires:   T copies without throwing, and quickly: copies are made under a spinlock. Send a
///             std::shared_ptr<const U> where U is large.
/// Threads:    all from any thread. Lifetime: outlives its receivers.
template <class T>
class broadcast final : internal::sync_base {
    static_assert(std::is_nothrow_copy_constructible_v<T>,
                  "send a std::shared_ptr<const T>: copies are made under a spinlock");

  public:
    /// Requires: capacity > 0.
    explicit broadcast(std::size_t capacity)
        : capacity_(capacity), ring_(std::make_unique<std::optional<T>[]>(capacity)) {
        DRAMA_ASSERT(capacity > 0, "a broadcast keeps at least one value");
    }

    /// A receiver of everything that is sent from now on.
    [[nodiscard]] broadcast_receiver<T> subscribe() noexcept {
        state_lock.lock();
        const std::uint64_t from = sent_;
        state_lock.unlock();
        return broadcast_receiver<T>(*this, from);
    }
    /// Errors: errc::closed.
    result<void> send(T value) noexcept {
        internal::wake_list woken;
        std::optional<T> lost(std::move(value));  // swapped with the oldest, destroyed unlocked
        state_lock.lock();
        const bool open = !closed_;
        if (open) {
            std::swap(ring_[sent_ % capacity_], lost);
            ++sent_;
            while (!waiting_.empty()) {
                // Whoever waits has seen everything before: hand the value over here.
                static_cast<awaiter&>(waiting_.front()).receive();
                waiting_.serve(woken);
            }
        }
        state_lock.unlock();
        woken.wake();
        if (!open) {
            return fail(errc::closed);
        }
        return {};
    }
    /// No more values: receivers get what is kept for them, then errc::closed. Idempotent.
    void close() noexcept {
        internal::wake_list woken;
        state_lock.lock();
        closed_ = true;
        waiting_.serve_all(woken, internal::wait_outcome::closed);
        state_lock.unlock();
        woken.wake();
    }

  private:
    friend class broadcast_receiver<T>;
    struct awaiter;

    internal::waiter_queue waiting_;
    const std::size_t capacity_;
    std::uint64_t sent_ = 0;
    bool closed_ = false;
    const std::unique_ptr<std::optional<T>[]> ring_;
};

/// One listener's place in a broadcast. Copies go on from the same place.
/// Threads: one task at a time. Lifetime: not beyond the broadcast.
template <class T>
class broadcast_receiver {
  public:
    broadcast_receiver(broadcast<T>& from, std::uint64_t next) noexcept
        : from_(&from), next_(next) {}

    /// Suspends: until there is a value that this receiver has not seen. Errors: errc::closed once
    /// the broadcast is closed and everything was seen; errc::stop_requested,
    /// errc::deadline_exceeded.
    [[nodiscard]] auto next(std::source_location where = std::source_location::current()) noexcept {
        return typename broadcast<T>::awaiter(*from_, next_, internal::no_timeout, where);
    }
    /// The same for at most `timeout`. Errors: errc::deadline_exceeded when it has passed.
    [[nodiscard]] auto next(duration timeout,
                            std::source_location where = std::source_location::current()) noexcept {
        return typename broadcast<T>::awaiter(*from_, next_, timeout, where);
    }
    /// Never waits. Nothing: everything was seen.
    [[nodiscard]] std::optional<broadcast_item<T>> try_next() noexcept {
        typename broadcast<T>::awaiter once(*from_, next_, internal::no_timeout, {});
        return once.try_receive();
    }

  private:
    broadcast<T>* from_;
    std::uint64_t next_;
};

template <class T>
struct [[nodiscard]] broadcast<T>::awaiter
    : internal::sync_awaiter<typename broadcast<T>::awaiter> {
    using base = internal::sync_awaiter<typename broadcast<T>::awaiter>;

    awaiter(broadcast& of, std::uint64_t& place, duration at_most, std::source_location at) noexcept
        : base(of, wait_kind::item, at_most, at), target(&of), next(&place) {}
    bool take(internal::wake_list&) noexcept {
        if (receive()) {
            this->outcome = internal::wait_outcome::granted;
            return true;
        }
        if (target->closed_) {
            this->outcome = internal::wait_outcome::closed;
            return true;
        }
        return false;
    }
    internal::waiter_queue& line() noexcept { return target->waiting_; }
    [[nodiscard]] result<broadcast_item<T>> await_resume() noexcept {
        this->settle();
        if (this->outcome != internal::wait_outcome::granted) {
            return fail(this->error());
        }
        return *std::move(item);
    }
    /// Copies the oldest kept value that was not seen. Under the lock.
    bool receive() noexcept {
        const std::uint64_t sent = target->sent_;
        if (*next == sent) {
            return false;
        }
        const std::uint64_t kept_from = sent - std::min<std::uint64_t>(sent, target->capacity_);
        const std::uint64_t at = std::max(*next, kept_from);
        item.emplace(*target->ring_[at % target->capacity_], at - *next);
        *next = at + 1;
        return true;
    }
    std::optional<broadcast_item<T>> try_receive() noexcept {
        target->state_lock.lock();
        receive();
        target->state_lock.unlock();
        return std::move(item);
    }

    broadcast* target;
    std::uint64_t* next;  ///< the receiver's place
    std::optional<broadcast_item<T>> item;
};

}  // namespace drama::inline v0
