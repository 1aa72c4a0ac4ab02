// SPDX-License-Identifier: Apache-2.0
// Tasks of their own: the control block that stands in front of a spawned task's frame, and the
// handle that joins it.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <source_location>
#include <utility>

#include "drama/base/intrusive_list.hpp"
#include "drama/coro/refusal.hpp"
#include "drama/base/result.hpp"
#include "drama/coro/account.hpp"
#include "drama/coro/task.hpp"

namespace drama::inline v0 {

class scope_state;

/// Who pays for a spawn, and where the spawn is written. Made by conversion at the call site, from
/// a tenant or any other account.
struct spawn_payer {
    account* pays;
    std::source_location where;

    template <class Payer>
        requires std::convertible_to<Payer, account&>
    spawn_payer(Payer&& from,  // NOLINT: converts, that is its purpose
                std::source_location at = std::source_location::current()) noexcept
        : pays(&static_cast<account&>(from)), where(at) {}
};

namespace internal {

/// What is left of a task that ended while a handle stood: it lies where the frame was.
struct outcome_base {
    std::size_t frame_bytes = 0;
    std::exception_ptr thrown;

    void rethrow() {
        if (thrown) {
            std::rethrow_exception(std::exchange(thrown, nullptr));
        }
    }
};

template <class T>
struct outcome : outcome_base {
    static_assert(alignof(T) <= alignof(std::max_align_t), "frames are not aligned further");
    std::optional<T> value;

    explicit outcome(promise<T>& from) noexcept
        : outcome(std::move(from.thrown), std::move(from.value)) {}
    outcome(std::exception_ptr&& why, std::optional<T>&& from) noexcept
        : outcome_base{0, std::move(why)} {
        if (from) {
            try {
                value.emplace(*std::move(from));
            } catch (...) {
                thrown = std::current_exception();
            }
        }
    }
    outcome(outcome&& from) noexcept : outcome(std::move(from.thrown), std::move(from.value)) {
        frame_bytes = from.frame_bytes;
    }
    T take() {
        rethrow();
        return *std::move(value);
    }
};

template <>
struct outcome<void> : outcome_base {
    explicit outcome(promise<void>& from) noexcept : outcome_base{0, std::move(from.thrown)} {}
    void take() { rethrow(); }
};

/// A spawned task. Two references keep it: the running strand and the join handle.
///
/// With its end the frame ends, parameters and all. If a handle stands then, the outcome is moved
/// into the frame's memory, which stays until the handle goes. `T` is always the task's own.
class DRAMA_API spawned : public list_link<>, public runnable {
  public:
    /// Lays the block out in front of `frame` if the request reserved room there.
    template <class T>
    static spawned* create(const spawn_frame_request& request,
                           std::coroutine_handle<promise<T>> frame) {
        return create(request, frame, &end_as<T>);
    }

    /// Starts it under `scope` (null: owned by its tenant). Afterwards it may run at any moment.
    void launch(scope_state* scope, bool is_root = false) noexcept;
    /// Ends a task that was never launched. Requires: no handle stands.
    void abandon() noexcept { free_block(destroy_in_place(resume_point)); }
    /// The handle goes.
    template <class T>
    void release() noexcept {
        // Who holds the last reference holds it alone.
        if (references_.load(std::memory_order_acquire) == 1 ||
            references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            drop_outcome<T>();
        }
    }
    /// Requires: the task is done, and a handle has stood all the time.
    template <class T>
    outcome<T>& outcome_as() noexcept {
        return *std::launder(static_cast<outcome<T>*>(resume_point.address()));
    }

    /// Pairs with finish(): what the task has left is there.
    bool is_done() const noexcept { return done_.load(std::memory_order_acquire); }
    /// Registers a joiner unless the task is done or the joiner is being stopped.
    bool add_joiner(runnable& joiner, wait_record& record) noexcept;
    bool remove_joiner(runnable& joiner) noexcept;
    /// The scope that joins it, or null.
    const scope_state* scope() const noexcept { return scope_; }

    /// Blocks a thread that is no worker until the task is done. `park(place)` waits,
    /// `unpark(place)` ends that; both are called with this task alive. Threads: one waits at a
    /// time.
    void wait_foreign(void (*unpark)(void*) noexcept, void (*park)(void*) noexcept,
                      void* place) noexcept;

  private:
    /// A thread that waits, on its own stack.
    struct thread_joiner {
        void (*unpark)(void*) noexcept;
        void* place;
    };
    static constexpr std::uintptr_t thread_bit = 1;

    static spawned* create(const spawn_frame_request& request, std::coroutine_handle<> frame,
                           void (*end)(runnable&) noexcept);

    /// The strand's last act.
    template <class T>
    static void end_as(runnable& self) noexcept {
        auto& me = static_cast<spawned&>(self);
        const std::coroutine_handle<> frame = me.resume_point;
        auto& promise =
            std::coroutine_handle<internal::promise<T>>::from_address(frame.address()).promise();
        const std::exception_ptr thrown = promise.thrown;
        // Nobody can get a handle later. The strand's reference is then the last one.
        if (me.references_.load(std::memory_order_acquire) == 1) {
            const std::size_t bytes = destroy_in_place(frame);
            me.finish(thrown, true);
            me.free_block(bytes);
            return;
        }
        outcome<T> left(promise);
        left.frame_bytes = destroy_in_place(frame);
        new (frame.address()) outcome<T>(std::move(left));
        if (me.slot().depth != 0) {
            me.finish_within(thrown);
            return;
        }
        me.finish(thrown, false);
        me.release<T>();
    }
    template <class T>
    void drop_outcome() noexcept {
        outcome<T>& left = outcome_as<T>();
        const std::size_t bytes = left.frame_bytes;
        std::destroy_at(&left);
        free_block(bytes);
    }
    void finish(const std::exception_ptr& thrown, bool is_unjoined) noexcept;
    void finish_within(const std::exception_ptr& thrown) noexcept;
    void free_block(std::size_t frame_bytes) noexcept;

    // The first fill the end of runnable.
    std::atomic<std::uint8_t> references_{2};
    spinlock lock_;
    std::atomic<bool> done_{false};  // written under lock_
    scope_state* scope_ = nullptr;
    std::uintptr_t joiner_ = 0;  // guarded by lock_: a runnable, or with thread_bit a thread_joiner
};
static_assert(sizeof(spawned) == spawn_prefix_bytes);

struct join_awaiter : wait_record {
    spawned* target;
    runnable* self = nullptr;
    bool has_begun = false;  ///< the wait was published
    bool stopped = false;

    explicit join_awaiter(spawned& of, std::source_location at) noexcept : target(&of) {
        kind = wait_kind::join;
        object = static_cast<runnable*>(&of);
        where = at;
        cancel = &on_cancel;
    }
    void attach(runnable& task) noexcept { self = &task; }
    bool await_ready() const noexcept { return target->is_done(); }
    bool await_suspend(std::coroutine_handle<> at) noexcept {
        self->resume_point = at;
        self->keep_class();
        self->home->lend_place(*self, *target);
        if (target->is_done()) {
            return false;
        }
        has_begun = true;
        if (target->add_joiner(*self, *this)) {
            return true;
        }
        stopped = !target->is_done();
        return self->gives_way_refused(where);
    }
    static void on_cancel(wait_record& record) noexcept {
        auto& me = static_cast<join_awaiter&>(record);
        if (me.target->remove_joiner(*me.self)) {
            me.stopped = true;
            me.self->home->ready(*me.self);
        }
    }
};

}  // namespace internal

/// Joins one spawned task: `co_await std::move(handle)` or `co_await handle.join()`.
///
/// Dropping it lets the task go on, owned by its scope or tenant.
/// Errors:  errc::stop_requested or errc::deadline_exceeded if the joining task is stopped; the
/// joined
///          task then goes on. Exceptions of the joined task come out of the join.
/// Threads: as a value.
template <class T>
class [[nodiscard]] join_handle {
  public:
    join_handle() noexcept = default;
    explicit join_handle(internal::spawned& of) noexcept : target_(&of) {}
    join_handle(join_handle&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
    join_handle& operator=(join_handle&& other) noexcept {
        std::swap(target_, other.target_);
        return *this;
    }
    ~join_handle() {
        if (target_ != nullptr) {
            target_->template release<T>();
        }
    }

    struct awaiter : internal::join_awaiter {
        using internal::join_awaiter::join_awaiter;
        [[nodiscard]] flat_result<T> await_resume() {
            if (has_begun) {
                self->end_wait();
            }
            if (stopped) {
                return fail(self->stop_reason());
            }
            auto& left = target->template outcome_as<T>();
            if constexpr (std::is_void_v<T>) {
                left.take();
                return {};
            } else {
                return left.take();
            }
        }
    };

    /// Requires: once, and the handle outlives the await.
    awaiter join(std::source_location where = std::source_location::current()) noexcept {
        return awaiter(*target_, where);
    }
    /// What a task that is done has left; what join() would yield. Requires: is_done(), and once.
    [[nodiscard]] flat_result<T> take_outcome() {
        DRAMA_ASSERT(is_done(), "takes the outcome of a task that goes on");
        auto& left = target_->template outcome_as<T>();
        if constexpr (std::is_void_v<T>) {
            left.take();
            return {};
        } else {
            return left.take();
        }
    }
    /// Asks the task to stop; it ends in its own time.
    void request_stop() noexcept { target_->request_stop(); }
    bool is_done() const noexcept { return target_->is_done(); }
    std::uint64_t id() const noexcept { return target_->id; }
    internal::spawned* get() const noexcept { return target_; }

  private:
    internal::spawned* target_ = nullptr;
};

namespace internal {

/// The address of a plain function, null for anything else.
template <class F>
const void* function_address(const F& f) noexcept {
    if constexpr (std::is_pointer_v<std::decay_t<F>>) {
        return reinterpret_cast<const void*>(static_cast<std::decay_t<F>>(f));
    } else {
        return nullptr;
    }
}

/// Calls `f(args...)`, which makes the task's frame, and builds the control block around it.
/// Errors: refusal_reason::out_of_memory; exceptions of `f` itself (not of its coroutine) pass
/// through.
template <class F, class... Args>
admission<spawned*> make_spawned(account& payer, F&& f, Args&&... args) {
    try {
        const spawn_frame_request request(&payer);
        auto made = std::invoke(std::forward<F>(f), std::forward<Args>(args)...);
        const auto frame = made.release();
        made = decltype(made)(frame);  // owns the frame until there is a control block
        spawned* const control = spawned::create(request, frame);
        made.release();
        frame.promise().self = control;
        control->payer = &payer;
        control->site.function = function_address(f);
        return control;
    } catch (const std::bad_alloc&) {
        return std::unexpected(
            refusal{refusal_reason::out_of_memory, resource::memory, payer.id()});
    }
}

template <class F, class... Args>
using spawn_result = admission<join_handle<typename std::invoke_result_t<F&, Args...>::value_type>>;

}  // namespace internal
}  // namespace drama::inline v0
