// SPDX-License-Identifier: Apache-2.0
// Something that has happened, and tasks that wait until it has.
#pragma once

#include <source_location>

#include "drama/base/result.hpp"
#include "drama/sync/internal/waiter.hpp"

namespace drama::inline v0 {

namespace internal {

/// `Consumes`: the first wait that sees the event set resets it.
template <bool Consumes>
class DRAMA_API basic_event final : sync_base {
  public:
    struct wait_awaiter;

    explicit basic_event(bool set_already = false) noexcept : set_(set_already) {}

    /// Suspends: until the event is set. Errors: errc::stop_requested, errc::deadline_exceeded.
    [[nodiscard]] wait_awaiter wait(
        std::source_location where = std::source_location::current()) noexcept {
        return {*this, no_timeout, where};
    }
    /// The same for at most `timeout`. Errors: errc::deadline_exceeded when it has passed.
    [[nodiscard]] wait_awaiter wait(
        duration timeout, std::source_location where = std::source_location::current()) noexcept {
        return {*this, timeout, where};
    }

    /// Manual reset: wakes all. Automatic: wakes one, or the next to come.
    void set() noexcept {
        wake_list woken;
        state_lock.lock();
        if constexpr (Consumes) {
            if (waiting_.empty()) {
                set_ = true;
            } else {
                waiting_.serve(woken);
            }
        } else {
            set_ = true;
            waiting_.serve_all(woken);
        }
        state_lock.unlock();
        woken.wake();
    }
    void reset() noexcept {
        state_lock.lock();
        set_ = false;
        state_lock.unlock();
    }
    bool is_set() noexcept {
        state_lock.lock();
        const bool now = set_;
        state_lock.unlock();
        return now;
    }

  private:
    waiter_queue waiting_;
    bool set_;
};

template <bool Consumes>
struct [[nodiscard]] basic_event<Consumes>::wait_awaiter
    : sync_awaiter<typename basic_event<Consumes>::wait_awaiter> {
    using base = sync_awaiter<typename basic_event<Consumes>::wait_awaiter>;

    wait_awaiter(basic_event& of, duration at_most, std::source_location at) noexcept
        : base(of, wait_kind::item, at_most, at), target(&of) {}
    bool take(wake_list&) noexcept {
        if (!target->set_) {
            return false;
        }
        if constexpr (Consumes) {
            target->set_ = false;
        }
        this->outcome = wait_outcome::granted;
        return true;
    }
    waiter_queue& line() noexcept { return target->waiting_; }
    [[nodiscard]] result<void> await_resume() noexcept {
        this->settle();
        if (this->outcome != wait_outcome::granted) {
            return fail(this->error());
        }
        return {};
    }

    basic_event* target;
};

}  // namespace internal

/// Stays set until it is reset; every wait passes while it is set. Threads: all from any thread.
/// Lifetime: outlives its waiters.
using event = internal::basic_event<false>;

/// Lets one wait pass for each time it is set; setting it twice counts once.
using auto_reset_event = internal::basic_event<true>;

}  // namespace drama::inline v0
