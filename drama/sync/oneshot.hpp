// SPDX-License-Identifier: Apache-2.0
// One value from one sender to one receiver.
#pragma once

#include <atomic>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "drama/base/result.hpp"
#include "drama/sync/internal/waiter.hpp"

namespace drama::inline v0 {

namespace internal {

/// What the two ends share; the last one frees it.
template <class T>
class oneshot_state final : sync_base {
  public:
    struct receive_awaiter;

    /// Errors: errc::closed if the receiver is gone.
    result<void> send(T& value) noexcept {
        wake_list woken;
        state_lock.lock();
        const bool wanted = !closed_;
        if (wanted) {
            value_.emplace(std::move(value));
            waiting_.serve_all(woken);
        }
        state_lock.unlock();
        woken.wake();
        if (!wanted) {
            return fail(errc::closed);
        }
        return {};
    }
    /// One end goes away. A value that is there stays receivable.
    void leave() noexcept {
        wake_list woken;
        state_lock.lock();
        closed_ = true;
        waiting_.serve_all(woken, wait_outcome::closed);
        state_lock.unlock();
        woken.wake();
        if (ends_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete this;
        }
    }
    std::optional<T> try_receive() noexcept {
        state_lock.lock();
        std::optional<T> value = std::exchange(value_, std::nullopt);
        state_lock.unlock();
        return value;
    }

  private:
    ~oneshot_state() = default;

    waiter_queue waiting_;
    std::optional<T> value_;
    bool closed_ = false;
    std::atomic<int> ends_{2};
};

template <class T>
struct [[nodiscard]] oneshot_state<T>::receive_awaiter
    : sync_awaiter<typename oneshot_state<T>::receive_awaiter> {
    using base = sync_awaiter<typename oneshot_state<T>::receive_awaiter>;

    receive_awaiter(oneshot_state& of, duration at_most, std::source_location at) noexcept
        : base(of, wait_kind::item, at_most, at), target(&of) {}
    bool take(wake_list&) noexcept {
        if (target->value_) {
            this->outcome = wait_outcome::granted;
            return true;
        }
        if (target->closed_) {
            this->outcome = wait_outcome::closed;
            return true;
        }
        return false;
    }
    waiter_queue& line() noexcept { return target->waiting_; }
    [[nodiscard]] result<T> await_resume() noexcept {
        this->settle();
        if (this->outcome != wait_outcome::granted) {
            return fail(this->error());
        }
        return *target->try_receive();
    }

    oneshot_state* target;
};

}  // namespace internal

/// The end that sends, once. Dropping it unsent tells the receiver errc::closed.
/// Threads: one at a time; any. Lifetime: as a parameter of a spawned task it lives until the last
///          join handle of the task is gone.
template <class T>
class [[nodiscard]] oneshot_sender {
  public:
    explicit oneshot_sender(internal::oneshot_state<T>* shared) noexcept : shared_(shared) {}
    oneshot_sender(oneshot_sender&& other) noexcept
        : shared_(std::exchange(other.shared_, nullptr)) {}
    oneshot_sender& operator=(oneshot_sender&& other) noexcept {
        std::swap(shared_, other.shared_);
        return *this;
    }
    ~oneshot_sender() {
        if (shared_ != nullptr) {
            shared_->leave();
        }
    }

    /// Errors: errc::closed if the receiver is gone. Requires: not called before.
    result<void> send(T value) noexcept {
        DRAMA_ASSERT(shared_ != nullptr, "a oneshot sends once");
        internal::oneshot_state<T>* const shared = std::exchange(shared_, nullptr);
        const result<void> sent = shared->send(value);
        shared->leave();
        return sent;
    }

  private:
    internal::oneshot_state<T>* shared_;
};

/// The end that receives, once. Threads: one task at a time.
template <class T>
class [[nodiscard]] oneshot_receiver {
  public:
    explicit oneshot_receiver(internal::oneshot_state<T>* shared) noexcept : shared_(shared) {}
    oneshot_receiver(oneshot_receiver&& other) noexcept
        : shared_(std::exchange(other.shared_, nullptr)) {}
    oneshot_receiver& operator=(oneshot_receiver&& other) noexcept {
        std::swap(shared_, other.shared_);
        return *this;
    }
    ~oneshot_receiver() {
        if (shared_ != nullptr) {
            shared_->leave();
        }
    }

    /// Suspends: until the value is sent. Errors: errc::closed if the sender was dropped or the
    /// value was received before; errc::stop_requested, errc::deadline_exceeded - a later receive
    /// may still get it.
    [[nodiscard]] internal::oneshot_state<T>::receive_awaiter receive(
        std::source_location where = std::source_location::current()) noexcept {
        return {*shared_, internal::no_timeout, where};
    }
    /// The same for at most `timeout`. Errors: errc::deadline_exceeded when it has passed.
    [[nodiscard]] internal::oneshot_state<T>::receive_awaiter receive(
        duration timeout, std::source_location where = std::source_location::current()) noexcept {
        return {*shared_, timeout, where};
    }
    /// Never waits. Nothing: no value is there.
    [[nodiscard]] std::optional<T> try_receive() noexcept { return shared_->try_receive(); }

  private:
    internal::oneshot_state<T>* shared_;
};

template <class T>
struct oneshot_ends {
    oneshot_sender<T> sender;
    oneshot_receiver<T> receiver;
};

/// `auto [sender, receiver] = oneshot<int>();` - takes memory once, here. Errors: std::bad_alloc.
template <class T>
[[nodiscard]] oneshot_ends<T> oneshot() {
    static_assert(std::is_nothrow_move_constructible_v<T>,
                  "a value that is handed over must move without throwing");
    auto* const shared = new internal::oneshot_state<T>;
    return {oneshot_sender<T>(shared), oneshot_receiver<T>(shared)};
}

}  // namespace drama::inline v0
