// SPDX-License-Identifier: Apache-2.0
// task<T>: a lazy, move-only coroutine that is awaited once. Awaiting it runs it inside the
// awaiting task; spawning it makes a task of its own.
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "drama/base/assert.hpp"
#include "drama/coro/frame_pool.hpp"
#include "drama/coro/runnable.hpp"

// Who keeps to the forms of docs/STYLE.md, "Awaiting", defines DRAMA_AWAIT_GRAMMAR.
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13 && !defined(DRAMA_AWAIT_GRAMMAR)
#pragma message( \
    "GCC < 13 miscompiles some awaits in silence: see docs/STYLE.md, DRAMA_AWAIT_GRAMMAR")
#endif

namespace drama::inline v0 {

template <class T>
class [[nodiscard("a task does nothing until it is awaited or spawned")]] task;
template <class T>
class located_task;

/// What may stand behind co_await in a task: it is told, before it is asked whether it is ready,
/// which task awaits it. User-written awaitables meet this concept.
template <class A>
concept drama_awaitable = requires(std::remove_reference_t<A>& awaitable, runnable& self) {
    awaitable.attach(self);
    awaitable.await_ready();
    awaitable.await_resume();
};

/// One that is also told where: for those whose own arguments leave no room for a location.
template <class A>
concept located_awaitable = requires(std::remove_reference_t<A>& awaitable, runnable& self,
                                     const std::source_location& where) {
    awaitable.attach(self, where);
    awaitable.await_ready();
    awaitable.await_resume();
};

namespace internal {

template <class T>
struct is_task : std::false_type {};
template <class T>
struct is_task<task<T>> : std::true_type {};
template <class T>
struct is_task<located_task<T>> : std::true_type {};

/// Stands for an awaitable that lives to the end of its await expression. By value, because GCC 12
/// copies what await_transform returns by reference, and awaiters do not move.
template <class A>
struct awaiter_ref {
    A* awaitable;
    bool await_ready() const noexcept { return awaitable->await_ready(); }
    auto await_suspend(std::coroutine_handle<> at) const noexcept {
        return awaitable->await_suspend(at);
    }
    decltype(auto) await_resume() const { return awaitable->await_resume(); }
};

struct promise_base {
    runnable* self = nullptr;
    std::coroutine_handle<> continuation;
    std::exception_ptr thrown;

    static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
    static void operator delete(void* frame, std::size_t bytes) noexcept {
        free_frame(frame, bytes);
    }

    struct final_awaiter {
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> finished) const noexcept {
            promise_base& promise = finished.promise();
            if (promise.continuation) {
                promise.self->slot().next = promise.continuation;
            } else {
                promise.self->resume_point = finished;
                promise.self->slot().ended = promise.self;
            }
        }
        void await_resume() const noexcept {}
    };

    std::suspend_always initial_suspend() const noexcept { return {}; }
    final_awaiter final_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { thrown = std::current_exception(); }

    template <class A>
        requires located_awaitable<A>
    auto await_transform(A&& awaitable, const std::source_location& where =
                                            std::source_location::current()) noexcept {
        awaitable.attach(*self, where);
        return awaiter_ref<std::remove_reference_t<A>>{&awaitable};
    }
    template <class T>
    auto await_transform(located_task<T>&& inner, const std::source_location& where =
                                                      std::source_location::current()) noexcept {
        inner.show_at(where);
        return await_transform(static_cast<task<T>&&>(inner));
    }
    template <class A>
        requires(!located_awaitable<A>)
    auto await_transform(A&& awaitable) noexcept {
        using plain = std::remove_cvref_t<A>;
        if constexpr (is_task<plain>::value) {
            static_assert(std::is_rvalue_reference_v<A&&>,
                          "a task is awaited once: co_await std::move(task)");
            return typename plain::awaiter{awaitable.release(), *self};
        } else {
            static_assert(drama_awaitable<A>,
                          "not awaitable in a drama task: it needs attach(runnable&), await_ready, "
                          "await_suspend and await_resume; for foreign descriptors use poll_fd");
            awaitable.attach(*self);
            return awaiter_ref<std::remove_reference_t<A>>{&awaitable};
        }
    }
};

template <class T>
struct promise : promise_base {
    std::optional<T> value;

    task<T> get_return_object() noexcept;
    template <class U = T>
        requires std::constructible_from<T, U&&>
    void return_value(U&& from) {
        value.emplace(std::forward<U>(from));
    }
    T take() {
        if (thrown) {
            std::rethrow_exception(std::exchange(thrown, nullptr));
        }
        return std::move(*value);
    }
};

template <>
struct promise<void> : promise_base {
    task<void> get_return_object() noexcept;
    void return_void() const noexcept {}
    void take() {
        if (thrown) {
            std::rethrow_exception(std::exchange(thrown, nullptr));
        }
    }
};

}  // namespace internal

/// A coroutine that has not begun. `co_await std::move(t)` runs it; destroying it unawaited frees
/// it.
///
/// Suspends: with what it awaits. Errors: exceptions of its body come out of the await.
/// Threads:  one at a time. Lifetime: parameters live in the frame until the task is destroyed.
template <class T = void>
class [[nodiscard("a task does nothing until it is awaited or spawned")]] task {
  public:
    using promise_type = internal::promise<T>;
    using value_type = T;
    using handle = std::coroutine_handle<promise_type>;

    task() noexcept = default;
    explicit task(handle frame) noexcept : frame_(frame) {}
    task(task&& other) noexcept : frame_(other.release()) {}
    task& operator=(task&& other) noexcept {
        if (this != &other) {
            destroy();
            frame_ = other.release();
        }
        return *this;
    }
    ~task() { destroy(); }

    explicit operator bool() const noexcept { return static_cast<bool>(frame_); }
    /// Gives up the frame; the caller destroys it.
    handle release() noexcept { return std::exchange(frame_, nullptr); }
    promise_type& release_promise() noexcept { return release().promise(); }

    class awaiter {
      public:
        awaiter(handle frame, runnable& self) noexcept : frame_(frame), self_(&self) {
            DRAMA_ASSERT(frame_, "awaiting a task that was moved from");
        }
        awaiter(const awaiter&) = delete;
        awaiter& operator=(const awaiter&) = delete;
        ~awaiter() { frame_.destroy(); }

        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> parent) noexcept {
            frame_.promise().self = self_;
            frame_.promise().continuation = parent;
            self_->slot().next = frame_;
        }
        T await_resume() { return frame_.promise().take(); }

      private:
        handle frame_;
        runnable* self_;
    };

  private:
    void destroy() noexcept {
        if (frame_) {
            std::exchange(frame_, nullptr).destroy();
        }
    }

    handle frame_;
};

namespace internal {

template <class T>
task<T> promise<T>::get_return_object() noexcept {
    return task<T>(std::coroutine_handle<promise<T>>::from_promise(*this));
}
inline task<void> promise<void>::get_return_object() noexcept {
    return task<void>(std::coroutine_handle<promise<void>>::from_promise(*this));
}

/// Yields the awaiting task itself.
struct self_awaiter {
    runnable* self = nullptr;
    void attach(runnable& task) noexcept { self = &task; }
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    runnable& await_resume() const noexcept { return *self; }
};

template <class F, class... Args>
using task_of = std::invoke_result_t<F&, Args...>;

}  // namespace internal

/// `runnable& self = co_await this_task();` - the context of the running task. Never suspends.
inline internal::self_awaiter this_task() noexcept {
    return {};
}

namespace internal {

/// Yields, inside a located_task, where that is awaited.
struct own_place {};

struct place_awaiter {
    std::source_location where;
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    std::source_location await_resume() const noexcept { return where; }
};

template <class T>
struct located_promise : promise<T> {
    std::source_location awaited_at;  // none if it was spawned or awaited as a plain task

    located_task<T> get_return_object() noexcept;

    using promise_base::await_transform;
    place_awaiter await_transform(own_place) noexcept {
        return {awaited_at.line() != 0 ? awaited_at : this->self->site.where};
    }
};

}  // namespace internal

/// A task that is told where it is awaited, so that its own waits show that line: for functions
/// whose arguments leave no room for a location. It can be used as any task; the waits then show
/// where its root was spawned.
template <class T>
class [[nodiscard("a task does nothing until it is awaited or spawned")]] located_task
    : public task<T> {
  public:
    using promise_type = internal::located_promise<T>;

    located_task() noexcept = default;
    /// Requires: the frame is a located_task's.
    explicit located_task(typename task<T>::handle frame) noexcept : task<T>(frame) {}

    /// Requires: not moved from.
    void show_at(const std::source_location& where) noexcept {
        const auto frame = this->release();
        DRAMA_ASSERT(frame, "awaiting a task that was moved from");
        static_cast<promise_type&>(frame.promise()).awaited_at = where;
        *this = located_task(frame);
    }
};

namespace internal {

template <class T>
located_task<T> located_promise<T>::get_return_object() noexcept {
    // A frame's address is found from its promise's, which is that of the base.
    static_assert(alignof(located_promise<T>) == alignof(promise<T>));
    return located_task<T>(std::coroutine_handle<promise<T>>::from_promise(*this));
}

}  // namespace internal

/// A function whose call makes a task: what `spawn` and `in_scope` take.
template <class F, class... Args>
concept task_function =
    std::invocable<F&, Args...> && internal::is_task<std::invoke_result_t<F&, Args...>>::value;

}  // namespace drama::inline v0
