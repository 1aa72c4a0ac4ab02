// SPDX-License-Identifier: Apache-2.0
// Work that a stop must not cut in two: it runs as a child that nobody asks to stop, and whoever
// waits for it waits until it has ended.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <source_location>
#include <system_error>
#include <utility>

#include "drama/coro/scope.hpp"
#include "drama/coro/task.hpp"

namespace drama::cli {

/// One task waits, another arrives; a stop of the first does not end the wait.
class finish_line {
  public:
    /// Called once, by the task that is waited for. The line may be gone afterwards.
    void arrive() noexcept {
        if (state_.exchange(state::reached, std::memory_order_acq_rel) == state::awaited) {
            waiter_->home->ready(*waiter_);
        }
    }

    struct awaiter : wait_record {
        finish_line* line;
        runnable* self = nullptr;

        awaiter(finish_line& of, std::source_location at) noexcept : line(&of) {
            kind = wait_kind::children;
            object = &of;
            where = at;
        }
        void attach(runnable& task) noexcept { self = &task; }
        bool await_ready() const noexcept { return false; }
        bool await_suspend(std::coroutine_handle<> at) noexcept {
            self->resume_point = at;
            self->keep_class();
            self->begin_steady_wait(*this);
            line->waiter_ = self;
            state open = state::open;
            // Pairs with arrive: either it sees the waiter or this sees that it was reached.
            return line->state_.compare_exchange_strong(open, state::awaited,
                                                        std::memory_order_acq_rel);
        }
        void await_resume() const noexcept { self->end_wait(); }
    };
    /// Requires: called once.
    [[nodiscard]] awaiter wait(
        std::source_location where = std::source_location::current()) noexcept {
        return {*this, where};
    }

  private:
    enum class state : std::uint8_t { open, awaited, reached };

    std::atomic<state> state_{state::open};
    runnable* waiter_ = nullptr;  // published by `awaited`
};

template <class T>
task<T> run_to(finish_line* line, task<T> inner) {
    struct arrival {
        finish_line* at;
        ~arrival() { at->arrive(); }
    };
    const arrival guard{line};
    co_return co_await std::move(inner);
}

/// Runs `inner` to its end on the running task's account, also if that task is asked to stop: what
/// `inner` yields is never hidden by a stop.
///
/// Suspends: until `inner` has ended, so it had better be short.
/// Errors:   those of `inner`; ENOMEM if no memory is left for a child: `inner` was not run then.
template <class T>
    requires is_result<T>
task<T> to_its_end(task<T> inner) {
    finish_line line;
    scope_state children;
    runnable& self = co_await this_task();
    children.set_owner(self);
    auto child = scope_handle(children).spawn(run_to<T>, &line, std::move(inner));
    if (!child) {
        co_return fail(std::make_error_code(std::errc::not_enough_memory));
    }
    co_await line.wait();
    // The inner task is over; what a stop still reaches is a child that has nothing left to do.
    co_await children.join();
    auto joined = co_await child->join();
    co_return std::move(joined);
}

}  // namespace drama::cli
