// SPDX-License-Identifier: Apache-2.0
// Time inside tasks: sleeping, giving way, periodic ticks and retries.
#pragma once

#include <algorithm>
#include <functional>
#include <source_location>
#include <utility>

#include "drama/base/result.hpp"
#include "drama/coro/task.hpp"

namespace drama::inline v0 {
namespace internal {

struct sleep_awaiter : wait_record, timer_node {
    bool relative;
    bool stopped = false;
    runnable* self = nullptr;

    /// `until` is the end, or with `from_now` the span to it, as if now were zero.
    sleep_awaiter(instant until, bool from_now, std::source_location at) noexcept
        : relative(from_now) {
        when = until;
        fire = &on_fire;
        kind = wait_kind::timer;
        where = at;
        cancel = &on_cancel;
    }
    void attach(runnable& task) noexcept { self = &task; }
    bool await_ready() noexcept {
        if (relative) {
            const duration span = when.time_since_epoch();
            when = saturating_add(self->home->now(), std::max(span, duration::zero()));
        }
        return false;
    }
    bool await_suspend(std::coroutine_handle<> at) noexcept {
        return begins(at) || self->gives_way_refused(where);
    }
    /// False: it is stopped.
    bool begins(std::coroutine_handle<> at) noexcept {
        self->resume_point = at;
        self->set_class(work_class::read);
        object = this;
        if (self->begin_wait(*this) && self->home->arm(*this)) {
            return true;
        }
        stopped = true;
        return false;
    }
    [[nodiscard]] result<void> await_resume() noexcept {
        self->end_wait();
        if (stopped) {
            return fail(self->stop_reason());
        }
        return {};
    }

    static void on_fire(timer_node& timer) noexcept {
        runnable& task = *static_cast<sleep_awaiter&>(timer).self;
        timer.firing.store(false, std::memory_order_relaxed);
        task.home->ready(task);
    }
    static void on_cancel(wait_record& record) noexcept {
        auto& me = static_cast<sleep_awaiter&>(record);
        if (me.self->home->disarm(me)) {
            me.stopped = true;
            me.self->home->ready(*me.self);
        }
    }
};

/// Gives way once: behind others of its tenant. `always`: also while the turn lasts.
/// A stop does not move it: its turn comes anyway.
struct yield_awaiter {
    runnable* self = nullptr;
    std::source_location where;
    bool always;
    bool has_waited = false;

    explicit yield_awaiter(bool unconditional) noexcept : always(unconditional) {}
    void attach(runnable& task, const std::source_location& at) noexcept {
        self = &task;
        where = at;
    }
    bool await_ready() const noexcept {
        if (self->is_stopping()) [[unlikely]] {
            return !self->must_give_way_refused();  // who does not heed it gives way nevertheless
        }
        return !always && self->home->now() < self->slot().turn_ends;
    }
    void await_suspend(std::coroutine_handle<> at) noexcept {
        self->resume_point = at;
        has_waited = true;
        self->begin_turn_wait(where);
        self->home->yield(*self);
    }
    [[nodiscard]] result<void> await_resume() noexcept {
        if (has_waited) {
            self->end_turn_wait();
        }
        if (self->is_stopping()) {
            return fail(self->stop_reason());
        }
        return {};
    }
};

}  // namespace internal

/// Sleeps for at least `span`; not at all if it is zero or negative and nothing else is due.
///
/// Suspends: until the timer wheel of the core reaches the instant: never early, late by at most
///           66 us and a 64th of the span (at most 1 ms), so that one wake-up serves many.
/// Errors:   errc::stop_requested, errc::deadline_exceeded. No allocation.
///
/// The parameters are references because GCC 12 keeps copied arguments of an await in the frame.
[[nodiscard]] inline internal::sleep_awaiter sleep_for(
    const duration& span,
    const std::source_location& where = std::source_location::current()) noexcept {
    return {instant(span), true, where};
}

/// Sleeps until `when`. As sleep_for.
[[nodiscard]] inline internal::sleep_awaiter sleep_until(
    const instant& when,
    const std::source_location& where = std::source_location::current()) noexcept {
    return {when, false, where};
}

/// Gives way to others if the tenant's turn is over; else returns at once. For long loops.
/// Errors: errc::stop_requested, errc::deadline_exceeded.
[[nodiscard]] inline internal::yield_awaiter checkpoint() noexcept {
    return internal::yield_awaiter(false);
}

/// Gives way once, always. Errors: as checkpoint.
[[nodiscard]] inline internal::yield_awaiter yield_now() noexcept {
    return internal::yield_awaiter(true);
}

/// Ticks without drift: each `next()` sleeps until the following multiple of the period. Ticks that
/// were missed are skipped, not made up for. Threads: one task.
class interval {
  public:
    explicit interval(duration period) noexcept : period_(std::max(period, duration(1))) {}

    /// Errors: errc::stop_requested, errc::deadline_exceeded.
    [[nodiscard]] internal::sleep_awaiter next(
        std::source_location where = std::source_location::current()) noexcept {
        const instant now = current_runnable()->home->now();
        if (due_ == long_ago) {
            due_ = now;
        }
        due_ = saturating_add(due_, period_);
        if (due_ <= now) {
            const auto missed = (now - due_) / period_ + 1;
            due_ += missed * period_;
        }
        return {due_, false, where};
    }

  private:
    duration period_;
    instant due_ = long_ago;
};

/// How retry waits between attempts: first, first * factor, ... up to longest, each shortened by a
/// random part of at most `jitter`.
struct backoff {
    duration first = std::chrono::milliseconds(10);
    int limit = 5;  ///< attempts in all
    double factor = 2.0;
    duration longest = std::chrono::seconds(10);
    double jitter = 0.5;  ///< 0: none; 1: down to nothing

    /// The pause after `attempt` failures (1, 2, ...).
    duration pause(int attempt, std::uint64_t random) const noexcept;
};

/// Calls `f(args...)` until it yields a value, `schedule.limit` attempts were made, or the task is
/// stopped. Each attempt gets copies of the arguments.
/// Errors: the last attempt's; errc::stop_requested or errc::deadline_exceeded while it waits.
template <class F, class... Args>
    requires task_function<F, Args...>
auto retry(backoff schedule, F f, Args... args)
    -> located_task<typename std::invoke_result_t<F&, Args...>::value_type> {
    using value = typename std::invoke_result_t<F&, Args...>::value_type;
    static_assert(is_result<value>, "retry needs a task that yields a result");
    const std::source_location where = co_await internal::own_place();
    runnable& self = co_await this_task();
    for (int attempt = 1;; ++attempt) {
        auto call = std::invoke(f, args...);
        auto outcome = co_await std::move(call);
        if (outcome || attempt >= schedule.limit || self.is_stopping()) {
            co_return outcome;
        }
        const duration pause = schedule.pause(attempt, self.home->random());
        auto slept = co_await sleep_for(pause, where);
        if (!slept) {
            co_return std::unexpected(slept.error());
        }
    }
}

}  // namespace drama::inline v0
