// SPDX-License-Identifier: Apache-2.0
// What a turn has made ready and shows to nobody yet.
#pragma once

#include <atomic>
#include <cstdint>

#include "drama/coro/runnable.hpp"
#include "drama/sched/lane_set.hpp"

namespace drama::inline v0::internal {

/// Tasks of the running turn's tenant that became ready on this core in this turn, in that order.
/// They go to the queue many at a time, or leave to run on the stack of who joins them, so most
/// tasks of a tree cost no lock. Such private queues, of which the owner gives away the oldest part
/// when others want it: Acar, Chargueraud, Rainey, "Scheduling parallel programs by work stealing
/// with private deques", PPoPP 2013.
///
/// Threads:    the holder of the core; size() from any (a hint).
/// Complexity: O(1).
class fresh_tasks {
  public:
    /// What is here may wait for the end of a poll before others see it: so not too many.
    static constexpr std::uint32_t most = 64;

    bool empty() const noexcept { return size() == 0; }
    std::uint32_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
    bool holds(const runnable& task) const noexcept {
        return task.stands_in.load(std::memory_order_relaxed) == this;
    }

    void push(runnable& task) noexcept {
        task.stands_in.store(this, std::memory_order_relaxed);
        tasks_.push(task);
        size_.store(size() + 1, std::memory_order_relaxed);
    }
    /// Takes `task`, which is here, out.
    void take(runnable& task) noexcept {
        tasks_.unlink(task);
        note_taken(task);
    }
    /// The oldest. Requires: not empty.
    work_item& pop() noexcept {
        work_item& oldest = *tasks_.pop();
        note_taken(oldest);
        return oldest;
    }

  private:
    void note_taken(work_item& item) noexcept {
        item.stands_in.store(nullptr, std::memory_order_relaxed);
        size_.store(size() - 1, std::memory_order_relaxed);
    }

    work_fifo tasks_;
    std::atomic<std::uint32_t> size_{0};
};

}  // namespace drama::inline v0::internal
