// SPDX-License-Identifier: Apache-2.0
// What a worker owns apart from its thread: run queue shard, inject queue, timers, IO, statistics.
// A core moves from thread to thread at a hand-over; the thread that holds it may touch it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <source_location>

#include "drama/base/mpsc_stack.hpp"
#include "drama/base/spinlock.hpp"
#include "drama/coro/runnable.hpp"
#include "drama/io/io_backend.hpp"
#include "drama/runtime/core/timer_wheel.hpp"
#include "drama/runtime/world/world.hpp"
#include "drama/sched/fair_queue.hpp"
#include "drama/tenant/tenant_record.hpp"

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

struct core {
    core(std::size_t at, fair_queue& queue, instant start)
        : index(at), shard(queue.shard(at)), wheel(start) {}

    const std::size_t index;

    // Shared: any thread under `lock`.
    spinlock lock;  // guards shard and the tenants' lanes on this core
    fair_shard& shard;

    // Shared: any thread, lock-free.
    mpsc_stack<work_item, &work_item::next> inject;
    std::atomic<bool> parked{false};
    std::atomic<bool> search_asked{false};  ///< woken to look for work elsewhere
    std::atomic<bool> end_turn{false};      ///< something more urgent than the running turn came
    timer_wheel wheel;
    std::atomic<worker*> holder{nullptr};

    // The holder; the watchdog reads.
    poll_identity polling;
    std::atomic<std::uint64_t> poll_sequence{0};  ///< even: none; odd: in user code
    std::atomic<std::int64_t> tasks_alive{0};     ///< started less ended here; one writer at a time

    // The holder only; passed on at a hand-over.
    std::unique_ptr<io_backend> backend;
    std::unique_ptr<parker> spot;
    turn current;  ///< the turn that is running
    instant turn_began = long_ago;
    instant taken_at = long_ago;  ///< by the last hand-over
    instant now = long_ago;       ///< coarse
    instant io_polled = long_ago;
    std::uint64_t next_task_id = 0;
    std::atomic<runnable*> lifo{nullptr};  ///< woken last, runs next in the same turn

    /// Puts `task` into the lanes of its tenant. Threads: any. Complexity: a lock and a push.
    void push(runnable& task, instant at) {
        auto& record = static_cast<tenant_record&>(*task.payer);
        lock.lock();
        if (shard.push(record.lanes_on(index), task, at)) {
            end_turn.store(true, std::memory_order_relaxed);
        }
        lock.unlock();
    }
};

}  // namespace drama::inline v0::internal
