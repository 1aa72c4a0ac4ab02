// SPDX-License-Identifier: Apache-2.0
// Changing the context of a part of a task: deadline, stop token, class, name, account.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <utility>

#include "drama/base/result.hpp"
#include "drama/coro/account.hpp"
#include "drama/coro/task.hpp"

namespace drama::inline v0 {

using stop_source = std::stop_source;
using stop_token = std::stop_token;

namespace internal {

/// A deadline on a stop scope of the running task, for as long as it stands.
class DRAMA_API deadline_scope : timer_node {
  public:
    deadline_scope(runnable& self, instant until) noexcept;
    ~deadline_scope();
    deadline_scope(const deadline_scope&) = delete;
    deadline_scope& operator=(const deadline_scope&) = delete;

    bool has_expired() const noexcept { return expired_.load(std::memory_order_acquire); }

  private:
    static void on_fire(timer_node& timer) noexcept;

    runnable* self_;
    stop_scope scope_;
    instant outer_deadline_;
    std::atomic<bool> expired_{false};
};

/// Connects a stop token to a stop scope of the running task, for as long as it stands.
class token_scope {
  public:
    token_scope(runnable& self, const stop_token& token) noexcept : self_(&self) {
        self.push_scope(scope_);
        callback_.emplace(token, forward{this});
    }
    ~token_scope() {
        callback_.reset();  // waits for a callback that is running
        self_->pop_scope(scope_);
    }
    token_scope(const token_scope&) = delete;
    token_scope& operator=(const token_scope&) = delete;

  private:
    struct forward {
        token_scope* to;
        void operator()() const noexcept {
            to->self_->request_stop(to->scope_, errc::stop_requested);
        }
    };

    runnable* self_;
    stop_scope scope_;
    std::optional<std::stop_callback<forward>> callback_;
};

/// Moves the running task to another account; from there on its turns are paid by it.
struct switch_account_awaiter {
    account* to;
    runnable* self = nullptr;

    explicit switch_account_awaiter(account& next) noexcept : to(&next) {}
    void attach(runnable& task) noexcept { self = &task; }
    bool await_ready() const noexcept { return self->payer == to; }
    void await_suspend(std::coroutine_handle<> at) noexcept {
        self->resume_point = at;
        self->payer = to;
        self->home->yield(*self);
    }
    void await_resume() const noexcept {}
};

template <class T>
task<flat_result<T>> until_at(instant deadline, task<T> inner) {
    runnable& self = co_await this_task();
    const deadline_scope guard(self, deadline);
    if constexpr (std::is_void_v<T>) {
        co_await std::move(inner);
        if (guard.has_expired()) {
            co_return fail(errc::deadline_exceeded);
        }
        co_return flat_result<T>{};
    } else if constexpr (is_result<T>) {
        co_return co_await std::move(inner);
    } else {
        auto value = co_await std::move(inner);
        if (guard.has_expired()) {
            co_return fail(errc::deadline_exceeded);
        }
        co_return std::move(value);
    }
}

template <class T>
task<flat_result<T>> for_at(duration timeout, task<T> inner) {
    runnable& self = co_await this_task();
    auto bounded = until_at(saturating_add(self.home->now(), timeout), std::move(inner));
    co_return co_await std::move(bounded);
}

}  // namespace internal

/// Runs `inner` and asks it to stop when `timeout` has passed; its awaits then yield
/// errc::deadline_exceeded. It is always awaited to its end. A result that came in time is kept.
template <class T>
task<flat_result<T>> with_deadline(duration timeout, task<T> inner) {
    return internal::for_at(timeout, std::move(inner));
}

/// The same with an instant.
template <class T>
task<flat_result<T>> with_deadline(instant deadline, task<T> inner) {
    return internal::until_at(deadline, std::move(inner));
}

/// Runs `inner` under another stop token as well: its awaits yield errc::stop_requested once the
/// token's source is asked to stop, from any thread.
template <class T>
task<flat_result<T>> with_stop(stop_token token, task<T> inner) {
    runnable& self = co_await this_task();
    const internal::token_scope guard(self, token);
    if constexpr (std::is_void_v<T>) {
        co_await std::move(inner);
        if (token.stop_requested()) {
            co_return fail(errc::stop_requested);
        }
        co_return flat_result<T>{};
    } else {
        co_return co_await std::move(inner);
    }
}

/// Runs `inner` with its class of work fixed: a place in the order inside its tenant, not a share.
template <class T>
task<T> as(work_class cls, task<T> inner) {
    runnable& self = co_await this_task();
    struct restore {
        runnable* self;
        work_class cls;
        bool fixed;
        ~restore() {
            self->cls = cls;
            self->class_fixed = fixed;
        }
    };
    const restore guard{&self, self.cls, self.class_fixed};
    self.cls = cls;
    self.class_fixed = true;
    co_return co_await std::move(inner);
}

/// Runs `inner` under another name in reports. Lifetime: `name` outlives the task (a literal does).
template <class T>
task<T> named(const char* name, task<T> inner) {
    runnable& self = co_await this_task();
    struct restore {
        runnable* self;
        const char* name;
        ~restore() { self->rename(name); }
    };
    const restore guard{&self, self.name};
    self.rename(name);
    co_return co_await std::move(inner);
}

/// Runs `f(args...)` inside this task but on `payer`'s account: its turns, frames and operations
/// are charged to it. Suspends: the task changes queues before and after.
template <class Payer, class F, class... Args>
    requires std::convertible_to<Payer, account&> && task_function<F, Args...>
auto as_tenant(Payer payer, F f, Args... args) -> std::invoke_result_t<F&, Args...> {
    using value = typename std::invoke_result_t<F&, Args...>::value_type;
    runnable& self = co_await this_task();
    account* const before = self.payer;
    account& charged = payer;
    co_await internal::switch_account_awaiter(charged);
    std::exception_ptr thrown;
    std::conditional_t<std::is_void_v<value>, std::optional<char>, std::optional<value>> out;
    try {
        auto call = std::invoke(f, std::move(args)...);
        if constexpr (std::is_void_v<value>) {
            co_await std::move(call);
        } else {
            auto yielded = co_await std::move(call);
            out.emplace(std::move(yielded));
        }
    } catch (...) {
        thrown = std::current_exception();
    }
    co_await internal::switch_account_awaiter(*before);
    if (thrown) {
        std::rethrow_exception(thrown);
    }
    if constexpr (!std::is_void_v<value>) {
        co_return std::move(*out);
    }
}

}  // namespace drama::inline v0
