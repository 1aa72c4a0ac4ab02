// SPDX-License-Identifier: Apache-2.0
// Functions that block or compute, run on threads of their own kind, awaited by the task that pays.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <stop_token>
#include <tuple>
#include <utility>

#include "drama/base/result.hpp"
#include "drama/coro/task.hpp"
#include "drama/runtime/pool/thread_pool.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama::inline v0 {
namespace internal {

DRAMA_API thread_pool& pool_of(host& in, work_kind kind) noexcept;

/// A function, its arguments and what it yields. A function whose first parameter is a stop_token
/// gets one that is asked to stop with the task.
template <class F, class... Args>
class stored_call {
  public:
    static constexpr bool takes_stop = std::invocable<F&, std::stop_token, Args...>;
    using raw =
        typename std::conditional_t<takes_stop, std::invoke_result<F&, std::stop_token, Args...>,
                                    std::invoke_result<F&, Args...>>::type;
    using value = flat_result<raw>;

    template <class G, class... As>
    explicit stored_call(G&& f, As&&... args)
        : function_(std::forward<G>(f)), arguments_(std::forward<As>(args)...) {}

    void run() noexcept {
        try {
            if constexpr (std::is_void_v<raw>) {
                invoke();
                outcome_.emplace();
            } else {
                outcome_.emplace(invoke());
            }
        } catch (...) {
            thrown_ = std::current_exception();
        }
    }
    const F& function() const noexcept { return function_; }
    void request_stop() noexcept {
        if constexpr (takes_stop) {
            stop_.request_stop();
        }
    }
    value take(std::error_code given_up) {
        if (thrown_) {
            std::rethrow_exception(std::exchange(thrown_, nullptr));
        }
        if (given_up) {
            return fail(given_up);
        }
        return std::move(*outcome_);
    }

  private:
    struct nothing {};

    decltype(auto) invoke() {
        return std::apply(
            [this](Args&... args) -> decltype(auto) {
                if constexpr (takes_stop) {
                    return std::invoke(function_, stop_.get_token(), std::move(args)...);
                } else {
                    return std::invoke(function_, std::move(args)...);
                }
            },
            arguments_);
    }

    F function_;
    std::tuple<Args...> arguments_;
    std::optional<value> outcome_;
    std::exception_ptr thrown_;
    [[no_unique_address]] std::conditional_t<takes_stop, std::stop_source, nothing> stop_;
};

/// What identifies a function: its address, or one per type for function objects.
template <class F>
const void* identity_of(const F& f) noexcept {
    static constexpr char of_type = 0;
    const void* const address = function_address(f);
    return address != nullptr ? address : &of_type;
}

/// Awaits a call on a pool. A stop reaches a queued call at once (it is then not run) and a running
/// one through its stop token; the await ends when the call has.
template <class F, class... Args>
class call_awaiter : public wait_record, public job {
  public:
    template <class G, class... As>
    call_awaiter(work_kind on, G&& f, As&&... args)
        : call_(std::forward<G>(f), std::forward<As>(args)...), kind_(on) {
        job::function = identity_of(call_.function());
        wait_record::kind = on == work_kind::compute ? wait_kind::compute : wait_kind::blocking;
        wait_record::cancel = [](wait_record& record) noexcept {
            auto& me = static_cast<call_awaiter&>(record);
            me.stop_asked.store(true, std::memory_order_release);
            me.call_.request_stop();
        };
        run = [](job& work) noexcept { static_cast<call_awaiter&>(work).call_.run(); };
        complete = [](job& work) noexcept {
            runnable& task = *static_cast<call_awaiter&>(work).self_;
            task.home->ready(task);
        };
    }

    void attach(runnable& self, const std::source_location& at) noexcept {
        self_ = &self;
        if (where.line() == 0) {
            where = at;
        }
    }
    /// For a function that awaits it on behalf of its caller: the caller's line.
    void show_at(const std::source_location& at) noexcept { where = at; }
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> at) noexcept {
        self_->resume_point = at;
        self_->keep_class();
        object = static_cast<job*>(this);
        job::payer = static_cast<tenant_record*>(self_->payer);
        job::name = self_->name;
        job::where_from = self_->site.where;
        job::cls = self_->cls;
        if (!self_->begin_wait(*this)) {
            given_up = self_->stop_reason();
            return self_->gives_way_refused(where);
        }
        // From here on the call may complete, and this object be gone, at any moment.
        auto submitted = pool_of(*self_->home, kind_).submit(*this);
        if (!submitted) {
            given_up = submitted.error();
            return self_->gives_way_refused(where);
        }
        return true;
    }
    [[nodiscard]] typename stored_call<F, Args...>::value await_resume() {
        self_->end_wait();
        return call_.take(given_up);
    }

  private:
    stored_call<F, Args...> call_;
    runnable* self_ = nullptr;
    work_kind kind_;
};

template <class F, class... Args>
using call_awaiter_for = call_awaiter<std::decay_t<F>, std::decay_t<Args>...>;

}  // namespace internal

/// Runs `f(args...)` on a blocking thread, charged to the task's tenant: library calls, files,
/// waits.
///
/// Suspends: until the call has returned. Errors: the call's own if it yields a result;
/// errc::stop_requested before it began; errc::queue_full, errc::thread_unavailable,
/// errc::shutting_down from the pool. Exceptions come out of the await. No allocation.
template <class F, class... Args>
[[nodiscard]] internal::call_awaiter_for<F, Args...> blocking(F&& f, Args&&... args) {
    return {work_kind::blocking, std::forward<F>(f), std::forward<Args>(args)...};
}

/// Runs `f(args...)` on a compute thread, below the workers: hashing, compression, parsing. As
/// blocking.
template <class F, class... Args>
[[nodiscard]] internal::call_awaiter_for<F, Args...> compute(F&& f, Args&&... args) {
    return {work_kind::compute, std::forward<F>(f), std::forward<Args>(args)...};
}

/// A blocking call that was started from a thread, most often from inside another blocking call.
///
/// `wait` runs it inline if it has not begun, so nested calls can never use up the pool.
/// Lifetime: the destructor waits for a call that nobody waited for.
template <class F, class... Args>
class [[nodiscard]] blocking_call {
  public:
    using value = typename internal::stored_call<F, Args...>::value;

    blocking_call(blocking_call&& other) noexcept
        : pool_(other.pool_), shared_(std::exchange(other.shared_, nullptr)) {}
    blocking_call& operator=(blocking_call&&) = delete;
    ~blocking_call() {
        if (shared_ != nullptr) {
            static_cast<void>(pool_->wait(*shared_, shared_->where_from));
            release(shared_);
        }
    }

    /// Errors: errc::would_deadlock if the wait would close a cycle; the call then goes on; else as
    ///         `blocking`. Requires: called once.
    [[nodiscard]] value wait(std::source_location where = std::source_location::current()) {
        if (shared_->refused) {
            return fail(shared_->refused);
        }
        if (auto waited = pool_->wait(*shared_, where); !waited) {
            release(std::exchange(shared_, nullptr));
            return fail(waited.error());
        }
        auto outcome = shared_->call.take(shared_->given_up);
        release(std::exchange(shared_, nullptr));
        return outcome;
    }

    /// Used by start_blocking.
    template <class G, class... As>
    blocking_call(thread_pool& pool, tenant_record& payer, std::source_location at, G&& f,
                  As&&... args)
        : pool_(&pool),
          shared_(new state(payer, at, std::forward<G>(f), std::forward<As>(args)...)) {
        if (auto submitted = pool.submit(*shared_); !submitted) {
            shared_->refused = submitted.error();
            shared_->progress = job::state::done;
            release(shared_);  // the queue's reference
        }
    }

  private:
    // One reference is the handle's, one the queue's or the running thread's.
    struct state final : job {
        template <class G, class... As>
        state(tenant_record& of, std::source_location at, G&& f, As&&... args)
            : call(std::forward<G>(f), std::forward<As>(args)...) {
            payer = &of;
            where_from = at;
            function = internal::identity_of(call.function());
            run = [](job& work) noexcept { static_cast<state&>(work).call.run(); };
            complete = [](job& work) noexcept {
                auto& me = static_cast<state&>(work);
                if (!me.ran_inline) {
                    release(&me);
                }
            };
            dropped_from_queue = [](job& work) noexcept { release(&static_cast<state&>(work)); };
        }
        internal::stored_call<F, Args...> call;
        std::error_code refused;
        std::atomic<int> references{2};
    };
    static void release(state* shared) noexcept {
        if (shared->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete shared;
        }
    }

    thread_pool* pool_;
    state* shared_;
};

/// Starts `f(args...)` on a blocking thread of `in`, on `payer`'s account; for code that is itself
/// a blocking function or a foreign thread. `start_blocking(...).wait()` is a nested blocking call.
template <class F, class... Args>
[[nodiscard]] blocking_call<std::decay_t<F>, std::decay_t<Args>...> start_blocking(
    runtime_handle in, spawn_payer payer, F&& f, Args&&... args) {
    return {internal::blocking_pool_of(in.get()), static_cast<tenant_record&>(*payer.pays),
            payer.where, std::forward<F>(f), std::forward<Args>(args)...};
}

}  // namespace drama::inline v0
