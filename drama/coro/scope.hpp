// SPDX-License-Identifier: Apache-2.0
// Structured concurrency: a scope joins every task spawned into it before it ends, and stops them
// when its body fails or is stopped.
#pragma once

#include <exception>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "drama/base/intrusive_list.hpp"
#include "drama/coro/spawn.hpp"

namespace drama::inline v0 {

/// The children of one scope. Threads: all functions from any thread while the scope stands.
class DRAMA_API scope_state {
  public:
    scope_state() noexcept = default;
    scope_state(const scope_state&) = delete;
    scope_state& operator=(const scope_state&) = delete;

    void add(internal::spawned& child) noexcept;
    void remove(internal::spawned& child) noexcept;
    /// Remembers the first exception of a child and stops the others.
    void child_threw(const std::exception_ptr& thrown) noexcept;
    /// Asks all children, present and future, to stop.
    void stop(errc reason) noexcept;

    std::size_t size() noexcept {
        lock_.lock();
        const std::size_t count = count_;
        lock_.unlock();
        return count;
    }
    std::exception_ptr take_exception() noexcept { return std::exchange(thrown_, nullptr); }
    runnable* owner() const noexcept { return owner_; }
    void set_owner(runnable& owner) noexcept { owner_ = &owner; }

    /// Waits for all children. A stop of the waiting task is passed on to them; the wait goes on.
    struct join_awaiter : wait_record {
        scope_state* scope;
        runnable* self = nullptr;

        join_awaiter(scope_state& of, std::source_location at) noexcept : scope(&of) {
            kind = wait_kind::children;
            object = &of;
            where = at;
            cancel = [](wait_record& record) noexcept {
                auto& me = static_cast<join_awaiter&>(record);
                me.scope->stop(record.stop_reason);
            };
        }
        void attach(runnable& task) noexcept { self = &task; }
        bool await_ready() const noexcept { return false; }
        bool await_suspend(std::coroutine_handle<> at) noexcept {
            self->resume_point = at;
            self->keep_class();
            return scope->add_waiter(*self, *this);
        }
        void await_resume() const noexcept { self->end_wait(); }
    };
    join_awaiter join(std::source_location where = std::source_location::current()) noexcept {
        return {*this, where};
    }

  private:
    bool add_waiter(runnable& waiter, wait_record& record) noexcept;
    void stop_children_locked() noexcept;

    spinlock lock_;  // guards everything below
    intrusive_list<internal::spawned> children_;
    std::size_t count_ = 0;
    runnable* waiter_ = nullptr;
    errc stop_reason_{};
    std::exception_ptr thrown_;
    runnable* owner_ = nullptr;  // constant while the scope stands
};

/// A cheap value that refers to a scope. Lifetime: not beyond the scope.
class scope_handle {
  public:
    explicit scope_handle(scope_state& scope) noexcept : scope_(&scope) {}

    /// Spawns a child of the running task on the same account. Always admitted: children of
    /// admitted work must never wait at a gate. Errors: refusal_reason::out_of_memory. Threads: any
    /// thread that runs a task.
    template <class F, class... Args>
        requires task_function<F, Args...>
    internal::spawn_result<F, Args...> spawn(F&& f, Args&&... args) {
        const runnable& parent = context();
        return launch<F, Args...>(*parent.payer, false, std::forward<F>(f),
                                  std::forward<Args>(args)...);
    }

    /// Spawns onto `payer`'s account; if that is not the running task's, the work is a root and
    /// meets the spawn gate. Errors: the gate's refusals; refusal_reason::out_of_memory.
    template <class F, class... Args>
        requires task_function<F, Args...>
    internal::spawn_result<F, Args...> spawn(spawn_payer payer, F&& f, Args&&... args) {
        account& charged = *payer.pays;
        const runnable& parent = context();
        const bool is_root = parent.payer != &charged;
        if (is_root) {
            if (auto refused = parent.home->refuse_root(charged)) {
                return std::unexpected(*refused);
            }
        }
        return launch<F, Args...>(charged, is_root, std::forward<F>(f),
                                  std::forward<Args>(args)...);
    }

    /// Asks all children to stop. Their errors are errc::stop_requested.
    void stop() noexcept { scope_->stop(errc::stop_requested); }
    std::size_t size() const noexcept { return scope_->size(); }

  private:
    const runnable& context() const noexcept {
        const runnable* const running = current_runnable();
        return running != nullptr ? *running : *scope_->owner();
    }

    template <class F, class... Args>
    internal::spawn_result<F, Args...> launch(account& payer, bool is_root, F&& f, Args&&... args) {
        auto made = internal::make_spawned(payer, std::forward<F>(f), std::forward<Args>(args)...);
        if (!made) {
            return std::unexpected(made.error());
        }
        internal::spawned& child = **made;
        const runnable& parent = context();
        child.inherit(parent);
        child.payer = &payer;
        if (is_root) {
            child.cls = work_class::read;
            child.input_complete = false;
            child.birth = coarse_instant(parent.home->now());
        }
        using handle = typename internal::spawn_result<F, Args...>::value_type;
        handle joined(child);
        child.launch(scope_, is_root);
        return joined;
    }

    scope_state* scope_;
};

/// Runs `f(scope_handle, args...)`, then joins every task that was spawned into the scope.
///
/// If the body throws or yields an error, or is stopped, its children are stopped first. The first
/// exception of a child stops the others and comes out here, unless the body threw before.
template <class F, class... Args>
    requires task_function<F, scope_handle, Args...>
auto in_scope(F f, Args... args)
    -> located_task<typename std::invoke_result_t<F&, scope_handle, Args...>::value_type> {
    using value = typename std::invoke_result_t<F&, scope_handle, Args...>::value_type;
    const std::source_location where = co_await internal::own_place();
    scope_state scope;
    runnable& self = co_await this_task();
    scope.set_owner(self);
    std::exception_ptr thrown;
    std::conditional_t<std::is_void_v<value>, std::optional<char>, std::optional<value>> out;
    try {
        auto body = std::invoke(f, scope_handle(scope), std::move(args)...);
        if constexpr (std::is_void_v<value>) {
            co_await std::move(body);
        } else {
            auto yielded = co_await std::move(body);
            if constexpr (is_result<value>) {
                if (!yielded) {
                    scope.stop(errc::stop_requested);
                }
            }
            out.emplace(std::move(yielded));
        }
    } catch (...) {
        thrown = std::current_exception();
    }
    if (thrown) {
        scope.stop(errc::stop_requested);
    }
    co_await scope.join(where);
    if (!thrown) {
        thrown = scope.take_exception();
    }
    if (thrown) {
        std::rethrow_exception(thrown);
    }
    if constexpr (!std::is_void_v<value>) {
        co_return std::move(*out);
    }
}

}  // namespace drama::inline v0
