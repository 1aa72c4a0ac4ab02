// SPDX-License-Identifier: Apache-2.0
// What a worker owns apart from its thread: run queue shard, inject queue, timers, IO, statistics.
// A core moves from thread to thread at a hand-over; the thread that holds it may touch it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <source_location>

#include "drama/base/spinlock.hpp"
#include "drama/coro/runnable.hpp"
#include "drama/io/io_backend.hpp"
#include "drama/runtime/core/fresh_tasks.hpp"
#include "drama/runtime/core/inject_queue.hpp"
#include "drama/runtime/core/timer_wheel.hpp"
#include "drama/runtime/world/world.hpp"
#include "drama/sched/fair_queue.hpp"
#include "drama/tenant/tenant_record.hpp"
#include "drama/tenant/turn_tally.hpp"

namespace drama::inline v0::internal {

class worker;

/// Who runs on a core now, for the watchdog: copied, because the task itself may end at any moment.
/// The tenant is written last, with release, and read first, with acquire: what stands behind the
/// pointers is complete then.
struct poll_identity {
    std::atomic<tenant_record*> tenant{nullptr};  ///< null: no user code runs
    std::atomic<const char*> name{""};
    std::atomic<std::source_location> where{std::source_location()};
    std::atomic<const void*> function{nullptr};
    std::atomic<std::uint64_t> task_id{0};

    task_site site() const noexcept {
        return {where.load(std::memory_order_relaxed), function.load(std::memory_order_relaxed)};
    }
};

/// Where a core's time went, but for turns, which their tenants were charged for.
/// Threads: written by the holder; read from any (a hint).
class core_time {
  public:
    explicit core_time(instant start) noexcept : began_(start), until_(start) {}
    instant began() const noexcept { return began_; }

    /// A step begins. What came since the last turn or step was the runtime's own, or a park.
    void step(instant now) noexcept {
        std::atomic<std::int64_t>& to =
            is_parked_.load(std::memory_order_relaxed) ? idle_ns_ : own_ns_;
        to.store(to.load(std::memory_order_relaxed) +
                     (now - until_.load(std::memory_order_relaxed)).count(),
                 std::memory_order_relaxed);
        is_parked_.store(false, std::memory_order_relaxed);
        until_.store(now, std::memory_order_relaxed);
    }
    /// A turn has ended that began with the step; `lost` of it had no CPU.
    void end_turn(instant now, duration lost) noexcept {
        until_.store(now, std::memory_order_relaxed);
        if (lost != duration::zero()) [[unlikely]] {
            lost_ns_.store(lost_ns_.load(std::memory_order_relaxed) + lost.count(),
                           std::memory_order_relaxed);
        }
    }
    void park() noexcept { is_parked_.store(true, std::memory_order_relaxed); }

    struct figures {
        duration own{};
        duration idle{};
        duration lost{};  ///< of turns, to others on the same CPU
    };
    /// Up to now: what goes on counts as what it is, a turn as the runtime's own until it ends.
    figures at(instant now) const noexcept {
        figures seen{.own = duration(own_ns_.load(std::memory_order_relaxed)),
                     .idle = duration(idle_ns_.load(std::memory_order_relaxed)),
                     .lost = duration(lost_ns_.load(std::memory_order_relaxed))};
        const bool is_parked = is_parked_.load(std::memory_order_relaxed);
        (is_parked ? seen.idle : seen.own) +=
            std::max(now - until_.load(std::memory_order_relaxed), duration::zero());
        return seen;
    }

  private:
    const instant began_;
    std::atomic<instant> until_;
    std::atomic<std::int64_t> own_ns_{0};
    std::atomic<std::int64_t> idle_ns_{0};
    std::atomic<std::int64_t> lost_ns_{0};
    std::atomic<bool> is_parked_{false};
};

/// What others write, and what only the holder does, stand on lines of their own: a store costs a
/// hundred times more where another CPU has its line.
struct alignas(64) core {
    core(std::size_t at, fair_queue& queue, instant start)
        : index(at), shard(queue.shard(at)), wheel(start), time(start) {}

    const std::size_t index;

    // Shared: any thread under `lock`.
    spinlock lock;  // guards shard and the tenants' lanes on this core
    fair_shard& shard;

    // Shared: any thread, lock-free.
    alignas(64) basic_inject_queue<work_item, &work_item::next> inject;
    const tenant_record* gave_way_to = nullptr;  // the holder's own, as the next
    instant gave_way_at = long_ago;
    std::atomic<bool> gives_way{false};     ///< parked for a burning thread: has work, no CPU
    std::atomic<bool> search_asked{false};  ///< woken to look for work elsewhere
    std::atomic<bool> has_tiny_tasks{
        false};                         ///< not worth stealing; by the holder, and the watchdog
    std::atomic<bool> end_turn{false};  ///< something more urgent than the running turn came
    timer_wheel wheel;
    std::atomic<worker*> holder{nullptr};

    // The holder; the watchdog reads.
    alignas(64) poll_identity polling;
    std::atomic<std::uint64_t> poll_sequence{0};  ///< even: none; odd: in user code
    std::atomic<std::int64_t> tasks_alive{0};     ///< started less ended here; one writer at a time
    core_time time;

    // The holder only; passed on at a hand-over.
    alignas(64) std::unique_ptr<io_backend> backend;
    std::unique_ptr<parker> spot;
    turn current;      ///< the turn that is running
    turn_tally tally;  ///< of the running turn
    instant turn_began = long_ago;
    instant taken_at = long_ago;  ///< by the last hand-over
    instant now = long_ago;       ///< coarse
    instant io_polled = long_ago;
    std::uint64_t next_task_id = 0;
    std::size_t next_root = 0;          ///< begins on the core that is so many further
    duration task_cost = wake_worth;    ///< what a task takes until it ends, likewise
    duration poll_cost = wake_worth;    ///< what a poll takes, rather too much than too little
    instant busy_since = long_ago;      ///< when there was something to run after there was nothing
    instant asked_at = long_ago;        ///< when wants_help() was true last, with tiny tasks
    instant tiny_stolen_at = long_ago;  ///< when this core took a tiny task from another
    bool is_idle = true;                ///< there was nothing to run since
    /// How often in a row a task may run next because it was woken last.
    static constexpr std::uint8_t lifo_uses_max = 3;
    std::atomic<runnable*> lifo{nullptr};  ///< woken last, runs next in the same turn
    fresh_tasks fresh;                     ///< woken before it in this turn, and not queued yet

    // Waking another worker costs two threads tens of microseconds. It is worth that when what is
    // queued takes longer, or when the queue has not been empty for longer.
    static constexpr duration wake_worth = std::chrono::microseconds(50);

    // What a task must take from beginning to end to be worth taking to another core: its memory,
    // its parent's and its siblings' lines go with it and come back. Yet the oldest of tiny tasks
    // may be the root of a large tree: so one is taken now and then.
    static constexpr duration steal_worth = std::chrono::microseconds(1);
    static constexpr duration tiny_steal_pause = std::chrono::microseconds(500);

    /// True if another worker had better come and take some of what is queued here.
    bool wants_help() noexcept {
        const std::size_t queued = shard.size() + fresh.size();
        if (queued <= 1) {
            return false;
        }
        if (has_tiny_tasks.load(std::memory_order_relaxed)) {
            const bool is_time = now - std::max(busy_since, asked_at) >= tiny_steal_pause;
            asked_at = is_time ? now : asked_at;
            return is_time;
        }
        return poll_cost * static_cast<std::int64_t>(queued) >= wake_worth ||
               now - busy_since >= wake_worth;
    }
    /// Notes what the polls of a turn took, and the tasks that ended in it: long ones count at
    /// once, short ones in time. A task that does not end does not count as short.
    void note_turn(duration used, std::uint64_t polls, std::uint64_t ended) noexcept {
        const auto average = [](duration each, duration before) {
            return std::max(each, before - before / 8);
        };
        poll_cost = average(polls == 0 ? used : used / static_cast<std::int64_t>(polls), poll_cost);
        task_cost =
            average(ended == 0 ? wake_worth : used / static_cast<std::int64_t>(ended), task_cost);
        const bool are_tiny = task_cost < steal_worth;
        if (are_tiny != has_tiny_tasks.load(std::memory_order_relaxed)) {
            has_tiny_tasks.store(are_tiny, std::memory_order_relaxed);
        }
    }

    /// Puts `task` into the lanes of its tenant. Threads: any. Complexity: a lock and a push.
    void push(runnable& task, instant at) {
        auto& record = static_cast<tenant_record&>(*task.payer);
        lock.lock();
        if (!fresh.empty()) {
            share_locked(*current.lanes, fresh.size());
        }
        if (shard.push(record.lanes_on(index), task, at)) {
            end_turn.store(true, std::memory_order_relaxed);
        }
        lock.unlock();
    }
    /// Keeps a task of the running turn's tenant for later in the turn. Others, if there are any,
    /// find some of what waits here as long as there is more. Threads: the holder.
    void keep(runnable& task, bool has_others) noexcept {
        fresh.push(task);
        if (fresh.size() == fresh_tasks::most || (has_others && shard.size() == 0)) {
            share((fresh.size() + 1) / 2);
        }
    }
    /// Queues the oldest `count` of what is kept, so that others find them. Requires: a turn.
    void share(std::size_t count) noexcept {
        lock.lock();
        share_locked(*current.lanes, count);
        lock.unlock();
    }
    /// Queues a task of the running turn's tenant behind all that is kept. Threads: the holder.
    void append(runnable& task, instant at) noexcept {
        task.queued_at = at;
        lock.lock();
        share_locked(*current.lanes, fresh.size());
        shard.append(*current.lanes, task);
        lock.unlock();
    }
    void share_locked(lane_set& running, std::size_t count) noexcept {
        for (; count != 0; --count) {
            shard.append(running, fresh.pop());
        }
    }
    /// The same for a task that would have run next, at the end of its tenant's turn.
    void put_back(lane_set& lanes, runnable& task, instant at) {
        lock.lock();
        shard.put_back(lanes, task, at);
        lock.unlock();
    }
};

}  // namespace drama::inline v0::internal
