// SPDX-License-Identifier: Apache-2.0
// Tasks of their own: the control block that stands in front of a spawned task's frame, and the
// handle that joins it.
#pragma once

#include <exception>
#include <functional>
#include <new>
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

/// A spawned task. Two references keep it: the running strand and the join handle.
class DRAMA_API spawned : public runnable, public list_link<> {
  public:
    /// Lays the block out in front of `frame` if the request reserved room there.
    static spawned* create(const spawn_frame_request& request, std::coroutine_handle<> frame,
                           promise_base& promise, bool keep_handle);

    /// Starts it under `scope` (null: owned by its tenant). Afterwards it may run at any moment.
    void launch(scope_state* scope) noexcept;
    void release() noexcept;

    bool is_done() noexcept {
        lock_.lock();
        const bool done = done_;
        lock_.unlock();
        return done;
    }
    /// Registers a joiner unless the task is done or the joiner is being stopped.
    bool add_joiner(runnable& joiner, wait_record& record) noexcept;
    bool remove_joiner(runnable& joiner) noexcept;

    /// Blocks a thread that is no worker until the task is done. `park(place)` waits,
    /// `unpark(place)` ends that; both are called with this task alive. Threads: one waits at a
    /// time.
    void wait_foreign(void (*unpark)(void*) noexcept, void (*park)(void*) noexcept,
                      void* place) noexcept;

    /// Where the value or the exception lies.
    promise_base* promise = nullptr;

  private:
    static void strand_finished(runnable& self) noexcept;
    void finish() noexcept;

    std::coroutine_handle<> frame_;
    scope_state* scope_ = nullptr;
    runnable* joiner_ = nullptr;                // guarded by lock_
    void (*unpark_)(void*) noexcept = nullptr;  // guarded by lock_
    void* place_ = nullptr;                     // guarded by lock_
    std::atomic<std::uint32_t> references_{1};
    spinlock lock_;
    bool done_ = false;  // guarded by lock_
    bool in_prefix_ = false;
};
static_assert(sizeof(spawned) <= spawn_prefix_bytes);

struct join_awaiter : wait_record {
    spawned* target;
    runnable* self = nullptr;
    bool stopped = false;

    explicit join_awaiter(spawned& of, std::source_location at) noexcept : target(&of) {
        kind = wait_kind::join;
        object = holder = &of;
        where = at;
        cancel = &on_cancel;
    }
    void attach(runnable& task) noexcept { self = &task; }
    bool await_ready() const noexcept { return target->is_done(); }
    bool await_suspend(std::coroutine_handle<> at) noexcept {
        self->resume_point = at;
        self->keep_class();
        if (target->add_joiner(*self, *this)) {
            return true;
        }
        stopped = !target->is_done();
        return false;
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
            target_->release();
        }
    }

    struct awaiter : internal::join_awaiter {
        using internal::join_awaiter::join_awaiter;
        [[nodiscard]] flat_result<T> await_resume() {
            self->end_wait();
            if (stopped) {
                return fail(self->stop_reason());
            }
            auto& done = static_cast<internal::promise<T>&>(*target->promise);
            if constexpr (std::is_void_v<T>) {
                done.take();
                return {};
            } else {
                return done.take();
            }
        }
    };

    /// Requires: once, and the handle outlives the await.
    awaiter join(std::source_location where = std::source_location::current()) noexcept {
        return awaiter(*target_, where);
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
        spawned* const control = spawned::create(request, frame, frame.promise(), true);
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
