// SPDX-License-Identifier: Apache-2.0
// A bounded line of values between tasks: those who push wait for room, those who pop for values.
#pragma once

#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "drama/base/result.hpp"
#include "drama/sync/internal/waiter.hpp"

namespace drama::inline v0 {

/// Many producers, many consumers, at most `capacity` values in between; first in, first out.
///
/// With capacity 0 every push waits until a pop takes the value from it. After `close` pushes fail
/// and pops yield what is left, then errc::closed.
/// Complexity: O(1); memory is taken once, at construction. Threads: all from any thread.
/// Requires:   T's moves and destructor are short: they run under a spinlock.
/// Lifetime:   outlives its waiters.
template <class T>
class channel final : internal::sync_base {
    static_assert(std::is_nothrow_move_constructible_v<T>,
                  "a value that is handed over must move without throwing");

  public:
    struct push_awaiter;
    struct pop_awaiter;

    explicit channel(std::size_t capacity)
        : capacity_(capacity), ring_(std::make_unique<std::optional<T>[]>(capacity)) {}

    /// Suspends: while the channel is full. Errors: errc::closed, errc::stop_requested,
    /// errc::deadline_exceeded; the value was not delivered then and is destroyed.
    [[nodiscard]] push_awaiter push(
        T value, std::source_location where = std::source_location::current()) noexcept {
        return {*this, std::move(value), internal::no_timeout, where};
    }
    /// The same for at most `timeout`. Errors: errc::deadline_exceeded when it has passed.
    [[nodiscard]] push_awaiter push(
        T value, duration timeout,
        std::source_location where = std::source_location::current()) noexcept {
        return {*this, std::move(value), timeout, where};
    }
    /// Suspends: while the channel is empty. Errors: errc::closed once it is closed and empty;
    /// errc::stop_requested, errc::deadline_exceeded.
    [[nodiscard]] pop_awaiter pop(
        std::source_location where = std::source_location::current()) noexcept {
        return {*this, internal::no_timeout, where};
    }
    /// The same for at most `timeout`. Errors: errc::deadline_exceeded when it has passed.
    [[nodiscard]] pop_awaiter pop(
        duration timeout, std::source_location where = std::source_location::current()) noexcept {
        return {*this, timeout, where};
    }

    /// Never waits; takes `value` only if it succeeds. Errors: errc::queue_full, errc::closed.
    [[nodiscard]] result<void> try_push(T&& value) noexcept {
        internal::wake_list woken;
        state_lock.lock();
        const bool closed = closed_;
        const bool pushed = !closed && put(value, woken);
        state_lock.unlock();
        woken.wake();
        if (pushed) {
            return {};
        }
        return fail(closed ? errc::closed : errc::queue_full);
    }
    /// Never waits. Nothing: the channel is empty now, or for ever if it is closed.
    [[nodiscard]] std::optional<T> try_pop() noexcept {
        std::optional<T> value;
        internal::wake_list woken;
        state_lock.lock();
        get(value, woken);
        state_lock.unlock();
        woken.wake();
        return value;
    }

    /// No more values: pushes that wait fail, pops that wait fail. Idempotent.
    void close() noexcept {
        internal::wake_list woken;
        state_lock.lock();
        closed_ = true;
        poppers_.serve_all(woken, internal::wait_outcome::closed);
        pushers_.serve_all(woken, internal::wait_outcome::closed);
        state_lock.unlock();
        woken.wake();
    }

    std::size_t capacity() const noexcept { return capacity_; }
    /// Values in the channel. A snapshot, for reports.
    std::size_t size() noexcept {
        state_lock.lock();
        const std::size_t now = count_;
        state_lock.unlock();
        return now;
    }
    bool is_closed() noexcept {
        state_lock.lock();
        const bool now = closed_;
        state_lock.unlock();
        return now;
    }

  private:
    /// Moves `value` to whoever waits for one, or into the ring; false if there is no room.
    bool put(T& value, internal::wake_list& woken) noexcept {
        if (!poppers_.empty()) {
            auto& popper = static_cast<pop_awaiter&>(poppers_.front());
            popper.value.emplace(std::move(value));
            poppers_.serve(woken);
            return true;
        }
        if (count_ == capacity_) {
            return false;
        }
        ring_[wrap(first_ + count_++)].emplace(std::move(value));
        return true;
    }
    /// Moves the oldest value out, and the value of the first who waits for room in.
    bool get(std::optional<T>& out, internal::wake_list& woken) noexcept {
        if (count_ != 0) {
            std::optional<T>& oldest = ring_[first_];
            out.emplace(std::move(*oldest));
            oldest.reset();
            first_ = wrap(first_ + 1);
            --count_;
        }
        if (!pushers_.empty()) {
            auto& pusher = static_cast<push_awaiter&>(pushers_.front());
            (out ? ring_[wrap(first_ + count_++)] : out).emplace(std::move(pusher.value));
            pushers_.serve(woken);
        }
        return out.has_value();
    }
    std::size_t wrap(std::size_t index) const noexcept {
        return index < capacity_ ? index : index - capacity_;
    }

    internal::waiter_queue pushers_;  // somebody is there only while the ring is full
    internal::waiter_queue poppers_;  // somebody is there only while the ring is empty
    const std::size_t capacity_;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    bool closed_ = false;
    const std::unique_ptr<std::optional<T>[]> ring_;
};

template <class T>
struct [[nodiscard]] channel<T>::push_awaiter
    : internal::sync_awaiter<typename channel<T>::push_awaiter> {
    using base = internal::sync_awaiter<typename channel<T>::push_awaiter>;

    push_awaiter(channel& of, T&& given, duration at_most, std::source_location at) noexcept
        : base(of, wait_kind::space, at_most, at), target(&of), value(std::move(given)) {}
    bool take(internal::wake_list& woken) noexcept {
        if (target->closed_) {
            this->outcome = internal::wait_outcome::closed;
            return true;
        }
        if (!target->put(value, woken)) {
            return false;
        }
        this->outcome = internal::wait_outcome::granted;
        return true;
    }
    internal::waiter_queue& line() noexcept { return target->pushers_; }
    [[nodiscard]] result<void> await_resume() noexcept {
        this->settle();
        if (this->outcome != internal::wait_outcome::granted) {
            return fail(this->error());
        }
        return {};
    }

    channel* target;
    T value;
};

template <class T>
struct [[nodiscard]] channel<T>::pop_awaiter
    : internal::sync_awaiter<typename channel<T>::pop_awaiter> {
    using base = internal::sync_awaiter<typename channel<T>::pop_awaiter>;

    pop_awaiter(channel& of, duration at_most, std::source_location at) noexcept
        : base(of, wait_kind::item, at_most, at), target(&of) {}
    bool take(internal::wake_list& woken) noexcept {
        if (target->get(value, woken)) {
            this->outcome = internal::wait_outcome::granted;
            return true;
        }
        if (target->closed_) {
            this->outcome = internal::wait_outcome::closed;
            return true;
        }
        return false;
    }
    internal::waiter_queue& line() noexcept { return target->poppers_; }
    [[nodiscard]] result<T> await_resume() noexcept {
        this->settle();
        if (this->outcome != internal::wait_outcome::granted) {
            return fail(this->error());
        }
        return *std::move(value);
    }

    channel* target;
    std::optional<T> value;
};

}  // namespace drama::inline v0
