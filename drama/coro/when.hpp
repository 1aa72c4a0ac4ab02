// SPDX-License-Identifier: Apache-2.0
// Several tasks at once, joined: when_all and when_any. The children live in the awaiting frame.
#pragma once

#include <array>
#include <source_location>
#include <span>
#include <tuple>
#include <utility>
#include <variant>

#include "drama/base/result.hpp"
#include "drama/coro/task.hpp"

namespace drama::inline v0 {
namespace internal {

class when_group;

struct when_child : runnable {
    when_group* group = nullptr;
    promise_base* promise = nullptr;
    bool (*succeeded)(const promise_base&) noexcept = nullptr;
};

/// Counts children down and stops them when the outcome is decided.
class DRAMA_API when_group {
  public:
    enum class rule : std::uint8_t { all, any };

    when_group(std::span<when_child> children, rule of) noexcept
        : children_(children), pending_(children.size()), rule_(of) {}
    when_group(const when_group&) = delete;
    when_group& operator=(const when_group&) = delete;

    void start(runnable& parent) noexcept;
    /// Index of the child that decided the outcome, or the number of children.
    std::size_t decided_by() const noexcept { return decided_by_; }

    struct join_awaiter : wait_record {
        when_group* group;
        runnable* self = nullptr;

        join_awaiter(when_group& of, std::source_location at) noexcept : group(&of) {
            kind = wait_kind::children;
            object = &of;
            where = at;
            cancel = [](wait_record& record) noexcept {
                static_cast<join_awaiter&>(record).group->stop_all(record.stop_reason);
            };
        }
        void attach(runnable& task) noexcept { self = &task; }
        bool await_ready() const noexcept { return false; }
        bool await_suspend(std::coroutine_handle<> at) noexcept {
            self->resume_point = at;
            self->keep_class();
            return group->add_waiter(*self, *this);
        }
        void await_resume() const noexcept { self->end_wait(); }
    };
    join_awaiter join(std::source_location where) noexcept { return {*this, where}; }

    /// True for the children of groups, and for no other task.
    static bool is_child(const runnable& task) noexcept { return task.finished == &child_finished; }

  private:
    static void child_finished(runnable& child) noexcept;
    void finish(when_child& child) noexcept;
    void stop_all(errc reason) noexcept;
    bool add_waiter(runnable& waiter, wait_record& record) noexcept;

    std::span<when_child> children_;
    spinlock lock_;  // guards what follows
    std::size_t pending_;
    std::size_t decided_by_ = static_cast<std::size_t>(-1);
    runnable* waiter_ = nullptr;
    rule rule_;
};

template <class T>
bool task_succeeded(const promise_base& base) noexcept {
    if (base.thrown) {
        return false;
    }
    if constexpr (is_result<T>) {
        return static_cast<const promise<T>&>(base).value->has_value();
    } else {
        return true;
    }
}

template <class T>
void adopt(when_child& child, task<T>& from) noexcept {
    auto frame = from.release();
    auto& promise = frame.promise();
    promise.self = &child;
    child.promise = &promise;
    child.resume_point = frame;
    child.succeeded = &task_succeeded<T>;
    from = task<T>(frame);  // the parameter goes on owning the frame
}

/// What a task yields inside a tuple or variant: results unwrapped, void as monostate.
template <class T>
struct plain_value {
    using type = T;
};
template <>
struct plain_value<void> {
    using type = std::monostate;
};
template <class T, class E>
struct plain_value<std::expected<T, E>> {
    using type = typename plain_value<T>::type;
};
template <class T>
using plain_value_t = typename plain_value<T>::type;

/// The finished child's value. Errors: its own. Exceptions: rethrown.
template <class T>
result<plain_value_t<T>> harvest(when_child& child) {
    auto& done = static_cast<promise<T>&>(*child.promise);
    if constexpr (std::is_void_v<T>) {
        done.take();
        return std::monostate{};
    } else if constexpr (is_result<T>) {
        T value = done.take();
        if (!value) {
            return fail(value.error());
        }
        if constexpr (std::is_void_v<typename T::value_type>) {
            return std::monostate{};
        } else {
            return *std::move(value);
        }
    } else {
        return done.take();
    }
}

template <class T>
std::error_code harvest_error(when_child& child) {
    auto value = harvest<T>(child);
    return value ? std::error_code() : value.error();
}

template <class... Ts, std::size_t... I>
result<std::tuple<plain_value_t<Ts>...>> harvest_all(std::span<when_child> children,
                                                     std::size_t failed,
                                                     std::index_sequence<I...>) {
    std::error_code error;
    // The child that failed first says why; the others only say that they were stopped.
    ((I == failed ? static_cast<void>(error = harvest_error<Ts>(children[I])) : void()), ...);
    if (error) {
        return fail(error);
    }
    std::tuple<result<plain_value_t<Ts>>...> values{harvest<Ts>(children[I])...};
    const std::array<std::error_code, sizeof...(Ts)> errors{
        (std::get<I>(values) ? std::error_code() : std::get<I>(values).error())...};
    for (const std::error_code& each : errors) {
        if (each) {
            return fail(each);
        }
    }
    return std::tuple<plain_value_t<Ts>...>(*std::move(std::get<I>(values))...);
}

}  // namespace internal

/// Runs the tasks at once and yields all values, with results unwrapped and void as std::monostate.
///
/// Errors: the first failure; the others are then stopped and awaited. A stop or deadline of the
///         awaiting task stops all of them.
/// Complexity: one frame; the tasks' own frames are used as they are.
template <class... Ts>
located_task<result<std::tuple<internal::plain_value_t<Ts>...>>> when_all(task<Ts>... tasks) {
    std::array<internal::when_child, sizeof...(Ts)> children;
    std::size_t next = 0;
    (internal::adopt(children[next++], tasks), ...);
    internal::when_group group(children, internal::when_group::rule::all);
    const std::source_location where = co_await internal::own_place();
    runnable& self = co_await this_task();
    group.start(self);
    co_await group.join(where);
    co_return internal::harvest_all<Ts...>(children, group.decided_by(),
                                           std::index_sequence_for<Ts...>());
}

/// Runs the tasks at once and yields the first value; the others are stopped and awaited, and give
/// back what they were granted. Errors: if all fail, the first task's error.
template <class T, class... Ts>
    requires(std::same_as<T, Ts> && ...)
located_task<result<internal::plain_value_t<T>>> when_any(task<T> first, task<Ts>... others) {
    std::array<internal::when_child, 1 + sizeof...(Ts)> children;
    internal::adopt(children[0], first);
    std::size_t next = 1;
    (internal::adopt(children[next++], others), ...);
    internal::when_group group(children, internal::when_group::rule::any);
    const std::source_location where = co_await internal::own_place();
    runnable& self = co_await this_task();
    group.start(self);
    co_await group.join(where);
    const std::size_t winner = group.decided_by();
    co_return internal::harvest<T>(children[winner < children.size() ? winner : 0]);
}

}  // namespace drama::inline v0
