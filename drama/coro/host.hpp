// SPDX-License-Identifier: Apache-2.0
// What coroutines ask of the runtime: wake, time, timers, admission. The language layer sees no
// more of it; runtime/ implements it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "drama/base/atomic.hpp"
#include "drama/base/clock.hpp"
#include "drama/base/intrusive_list.hpp"
#include "drama/coro/refusal.hpp"

namespace drama::inline v0 {

class account;
class runnable;
class task_watcher;

/// A timer that its owner embeds. `fire` is called once, without any lock held, on some core.
///
/// An owner that may go away while the timer is armed calls host::disarm first. A `fire` that lets
/// the owner go (by waking it) must not touch the node after that.
template <class Atomics>
struct basic_timer_node : list_link<> {
    template <class T>
    using atomic = typename Atomics::template atomic<T>;
    template <class T>
    using plain = typename Atomics::template plain<T>;

    instant when = never;
    void (*fire)(basic_timer_node&) noexcept = nullptr;

    // The wheel's own.
    enum class state : std::uint8_t { idle, armed, fired, refused };
    plain<void*> wheel{nullptr};  ///< where it is armed; published by `progress`
    plain<std::uint8_t> slot_level{0};
    plain<std::uint8_t> slot_index{0};
    atomic<state> progress{state::idle};  ///< refused: disarmed before it was armed
    atomic<bool> firing{false};           ///< for disarm_and_wait
};

using timer_node = basic_timer_node<real_atomics>;

/// The runtime, as seen from a coroutine. Threads: all from any thread, except as said.
class host {
  public:
    /// Queues a suspended task to be resumed. Exactly once per suspension.
    virtual void ready(runnable& task) noexcept = 0;
    /// Queues a new task: counts it, gives it an id and its first place in the order.
    virtual void start(runnable& task) noexcept = 0;
    /// The same for a root that a task spawned: work of its own, which may begin on any core.
    virtual void start_root(runnable& task) noexcept { start(task); }
    /// The running task `waiting` is about to wait for `task`: lends it its place, if it is queued
    /// behind it. It may run, and end, before this returns. Requires: `waiting` alone has a handle
    /// of it.
    virtual void lend_place(runnable& /*waiting*/, runnable& /*task*/) noexcept {}
    /// A task that was started has ended: uncounts it. Called before its joiners wake.
    virtual void ended(runnable& task) noexcept = 0;
    /// Queues the running task behind others of its tenant. Called by the task itself.
    virtual void yield(runnable& task) noexcept = 0;
    /// The running task goes by another name from now on. Called by the task itself.
    virtual void renamed(runnable& /*task*/) noexcept {}

    virtual instant now() const noexcept = 0;
    /// Arms `timer` for `timer.when`, which the host may put off a little; false if `refused` was
    /// set before: the caller does not wait.
    virtual bool arm(timer_node& timer) noexcept = 0;
    /// True if the timer was armed and now will not fire; else marks it `refused`.
    virtual bool disarm(timer_node& timer) noexcept = 0;

    /// The gate for a new root of `payer`; a value says why not.
    virtual std::optional<refusal> refuse_root(account& payer) noexcept = 0;
    /// How many shares `payer` has where tenants share. Units: 1/1024. Threads: any, under locks.
    virtual std::uint32_t weight_of(const account& /*payer*/) const noexcept { return 1024; }
    /// A limit of `payer` held its next task back for `held`; `of_items` is what all that stood
    /// there waited. Threads: any.
    virtual void note_throttled(account& /*payer*/, duration /*held*/,
                                duration /*of_items*/) noexcept {}
    /// A seed for jitter. Determinism: the world's.
    virtual std::uint64_t random() noexcept = 0;
    /// Who is told what tasks do; null: nobody. Those who are watched know it by `is_watched`.
    virtual task_watcher* watcher() const noexcept { return nullptr; }

  protected:
    ~host() = default;
};

/// Disarms, and if the timer is firing on another core right now, waits until it has: afterwards
/// the node may be destroyed. Requires: `fire` sets `firing` to false as its last touch of the
/// node, and the caller holds no lock that `fire` takes.
template <class Host, class Atomics>
void disarm_and_wait(Host& by, basic_timer_node<Atomics>& timer) noexcept {
    if (!by.disarm(timer)) {
        while (timer.firing.load(std::memory_order_acquire)) {
            Atomics::yield();
        }
    }
}

}  // namespace drama::inline v0
