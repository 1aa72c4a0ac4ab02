// SPDX-License-Identifier: Apache-2.0
// The runtime: start it, give it work from any thread, stop it.
#pragma once

#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

#include "drama/base/result.hpp"
#include "drama/coro/context.hpp"
#include "drama/coro/refusal.hpp"
#include "drama/coro/scope.hpp"
#include "drama/runtime/gate/saturation.hpp"
#include "drama/runtime/runtime_options.hpp"
#include "drama/runtime/watch/decision_log.hpp"
#include "drama/tenant/tenant_registry.hpp"

namespace drama::inline v0 {

class io_system;
class thread_pool;
class world;

namespace internal {
class engine;
/// What runtime and runtime_handle share: spawning from outside.
DRAMA_API host& host_of(engine& in) noexcept;
DRAMA_API scope_state& roots_of(engine& in) noexcept;
DRAMA_API tenant_registry& tenants_of(engine& in) noexcept;
DRAMA_API thread_pool& blocking_pool_of(engine& in) noexcept;
/// Errors: errc::would_deadlock - a task asks, whose worker would stand still; the log says where.
DRAMA_API result<void> may_wait(engine& in, const std::source_location& at) noexcept;
DRAMA_API void wait_for(engine& in, spawned& root) noexcept;
DRAMA_API saturation_state saturation_of(const engine& in) noexcept;
/// How long the calling task had better wait before it accepts another connection.
DRAMA_API duration accept_pause() noexcept;
/// The engine whose task this thread runs, or null.
DRAMA_API engine* current_engine() noexcept;

template <class F, class... Args>
spawn_result<F, Args...> spawn_root(engine& in, spawn_payer from, F&& f, Args&&... args) {
    account& payer = *from.pays;
    if (auto refused = host_of(in).refuse_root(payer)) {
        return std::unexpected(*refused);
    }
    auto made = make_spawned(payer, std::forward<F>(f), std::forward<Args>(args)...);
    if (!made) {
        return std::unexpected(made.error());
    }
    spawned& root = **made;
    root.home = &host_of(in);
    root.birth = coarse_instant(root.home->now());
    root.site.where = from.where;
    using handle = typename spawn_result<F, Args...>::value_type;
    handle joined(root);
    root.launch(&roots_of(in));
    return joined;
}
}  // namespace internal

/// A cheap value to reach a runtime from any thread. Lifetime: not beyond the runtime.
class runtime_handle {
  public:
    explicit runtime_handle(internal::engine& of) noexcept : engine_(&of) {}

    drama::tenant tenant(std::string_view name) const {
        return internal::tenants_of(*engine_).get_or_create(name);
    }
    tenant_registry& tenants() const noexcept { return internal::tenants_of(*engine_); }

    /// Spawns a root on `payer`'s account, or says at once why not.
    /// Errors: the gate's refusals. Threads: any.
    template <class F, class... Args>
        requires task_function<F, Args...>
    internal::spawn_result<F, Args...> try_spawn(spawn_payer payer, F&& f, Args&&... args) const {
        return internal::spawn_root(*engine_, payer, std::forward<F>(f),
                                    std::forward<Args>(args)...);
    }
    /// The same for handles that nobody joins: true if it was admitted.
    template <class F, class... Args>
        requires task_function<F, Args...>
    admission<void> spawn(spawn_payer payer, F&& f, Args&&... args) const {
        auto made = try_spawn(payer, std::forward<F>(f), std::forward<Args>(args)...);
        if (!made) {
            return std::unexpected(made.error());
        }
        return {};
    }
    /// How full the process is. Threads: any. Complexity: a few loads.
    saturation_state saturation() const noexcept { return internal::saturation_of(*engine_); }
    internal::engine& get() const noexcept { return *engine_; }

  private:
    internal::engine* engine_;
};

/// What a runtime has done so far. Units: as named.
struct runtime_stats {
    std::int64_t tasks_alive = 0;
    std::uint64_t hand_overs = 0;
    std::uint64_t stalls = 0;
    std::uint64_t hand_overs_without_permit = 0;
    std::size_t blocking_threads = 0;
    std::size_t blocking_queued = 0;
    std::size_t compute_threads = 0;
    std::size_t compute_queued = 0;
    std::int32_t burning_threads = 0;
    std::size_t queued = 0;
    std::size_t disk_queued = 0;     ///< file operations that wait for the device
    std::size_t disk_in_flight = 0;  ///< and those that are in it
    // The workers' time since start, over all of them. What is left is in the tenants' accounts:
    // cpu_ns less burned_ns.
    duration worker_wall{};
    duration worker_own{};   ///< the runtime's own, on no account: decisions, timers, polls
    duration worker_idle{};  ///< parked, or left to burning threads
    duration worker_lost{};  ///< ready, but the kernel ran other threads on their CPUs
};

/// One scheduler for async tasks, blocking calls and heavy computation of many tenants.
///
/// Several may live in one process; they share nothing.
/// Threads:  start, run, stop and the destructor by one thread that is not the runtime's own.
class DRAMA_API runtime {
  public:
    /// Takes the machine as it is.
    explicit runtime(runtime_options options = {});
    /// Runs in `in`, a simulated world for example. Lifetime: the world outlives the runtime.
    explicit runtime(world& in, runtime_options options = {});
    /// Stops if that was not done. By a thread of its own: asks all tasks to stop and waits for
    /// nothing; its threads and its memory are kept.
    ~runtime();
    runtime(const runtime&) = delete;
    runtime& operator=(const runtime&) = delete;

    /// Starts the threads, for programs that own main. `run` does it too.
    /// Errors: no IO backend, no thread.
    result<void> start();

    /// Refuses new roots, asks every task to stop, waits for the end of all.
    /// Errors: errc::deadline_exceeded after `shutdown_deadline`: the log names what is left; it
    ///         runs on by itself and its memory is kept; this may be asked as before, and refuses.
    ///         errc::would_deadlock - called by a thread of its own, which it would have to wait
    ///         for; nothing changed.
    result<void> stop() noexcept;

    /// Starts, runs `main` as a task of `system`, stops. Yields what it yielded.
    /// Errors: those of start, of the task, of the gate.
    template <class T>
    flat_result<T> run(task<T> main, std::source_location where = std::source_location::current());

    runtime_handle handle() noexcept { return runtime_handle(*engine_); }
    tenant_registry& tenants() noexcept { return internal::tenants_of(*engine_); }
    runtime_stats stats() const;
    /// What `of` is owed in `queue` while it waits there: service at its fair share less what it
    /// had, in seconds of CPU; below zero it is ahead. Zero while nothing waits. Threads: any (a
    /// hint).
    duration lag_of(const tenant& of, queue_id queue) const noexcept;
    /// What held the work of `of` back in `queue`, holds that last included. Threads: any (a hint);
    /// takes the queue's lock.
    hold_figures held_in(const tenant& of, queue_id queue) const noexcept;
    /// How long the work of `of` that is next in `queue` has waited. Threads: any (a hint).
    duration oldest_wait_of(const tenant& of, queue_id queue) const noexcept;
    /// The last decisions about `of`, at most decision_log::length, the latest first. The first
    /// look yields none: they are noted from then on, until nobody has looked for 10 s. Threads:
    /// any.
    std::vector<decision> decisions_of(const tenant& of);
    /// Gives back what was noted of tenants that nobody looks at any more. Threads: any.
    void forget_old_decisions() noexcept;
    /// The runtime's clock. Threads: any.
    instant now() const noexcept;
    /// As runtime_handle::saturation.
    saturation_state saturation() const noexcept { return internal::saturation_of(*engine_); }
    /// The IO backend's name; empty before start.
    std::string io_name() const;

    /// As runtime_handle::try_spawn.
    template <class F, class... Args>
        requires task_function<F, Args...>
    internal::spawn_result<F, Args...> try_spawn(spawn_payer payer, F&& f, Args&&... args) {
        return handle().try_spawn(payer, std::forward<F>(f), std::forward<Args>(args)...);
    }

    /// Spawns `f(args...)` on `payer`'s account and blocks the calling thread until it has ended.
    /// A thread that runs a blocking or compute function is replaced meanwhile.
    /// Errors: those of the task, of the gate; errc::would_deadlock - called by a task, which has
    /// to
    ///         await instead: nothing was spawned, and the log names the place.
    template <class F, class... Args>
        requires task_function<F, Args...>
    auto sync_wait(spawn_payer payer, F&& f, Args&&... args)
        -> flat_result<typename std::invoke_result_t<F&, Args...>::value_type> {
        if (auto may = internal::may_wait(*engine_, payer.where); !may) {
            return fail(may.error());
        }
        auto root = try_spawn(payer, std::forward<F>(f), std::forward<Args>(args)...);
        if (!root) {
            return fail(root.error().code());
        }
        return sync_wait(*std::move(root), payer.where);
    }
    /// Blocks the calling thread until the task has ended, and yields what it yielded. Nothing is
    /// spawned, so an overload cannot refuse it.
    /// Errors: as above; a task that was not waited for goes on.
    /// Requires: the task to wait for is of this runtime.
    template <class T>
    flat_result<T> sync_wait(join_handle<T> root,
                             std::source_location where = std::source_location::current()) {
        if (auto may = internal::may_wait(*engine_, where); !may) {
            return fail(may.error());
        }
        internal::wait_for(*engine_, *root.get());
        auto& done = root.get()->template outcome_as<T>();
        if constexpr (std::is_void_v<T>) {
            done.take();
            return {};
        } else {
            return done.take();
        }
    }

  private:
    std::unique_ptr<world> own_world_;
    std::unique_ptr<internal::engine> engine_;
    bool left_to_itself_ = false;
};

namespace internal {
template <class T>
task<T> run_main(task<T> main) {
    co_return co_await std::move(main);
}
}  // namespace internal

template <class T>
flat_result<T> runtime::run(task<T> main, std::source_location) {
    if (auto started = start(); !started) {
        return fail(started.error());
    }
    auto outcome = sync_wait(tenants().system(), internal::run_main<T>, std::move(main));
    if (auto stopped = stop(); !stopped && outcome) {
        return fail(stopped.error());
    }
    return outcome;
}

/// The runtime that runs the calling task. Requires: called from a task.
inline runtime_handle this_runtime() noexcept {
    return runtime_handle(*internal::current_engine());
}

}  // namespace drama::inline v0
