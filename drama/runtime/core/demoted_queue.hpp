// SPDX-License-Identifier: Apache-2.0
// Turns of tasks whose spawn site has a record of overrunning: they run on demoted threads, in fair
// order, each with a CPU permit.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>

#include "drama/base/spinlock.hpp"
#include "drama/coro/runnable.hpp"
#include "drama/sched/fair_queue.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0::internal {

/// push() and size() are sequentially consistent, so that whoever pushes and then looks for a
/// rester or a permit, and whoever rests or gives a permit and then looks for work, cannot miss
/// each other. Threads: any. Complexity: a lock, O(log tenants).
class demoted_queue {
  public:
    explicit demoted_queue(policy order) : queue_(order, 1, queue_id::async) {}

    void push(runnable& task, instant now) {
        const std::lock_guard guard(lock_);
        queue_.shard(0).push(static_cast<tenant_record&>(*task.payer).demoted_lanes(), task, now);
        size_.fetch_add(1, std::memory_order_seq_cst);
    }

    runnable* pop(instant now) noexcept {
        const std::lock_guard guard(lock_);
        fair_shard& shard = queue_.shard(0);
        if (shard.size() == 0) {
            return nullptr;
        }
        const turn granted = shard.pick(now);
        work_item* const item = shard.pop(*granted.lanes, now);
        shard.settle(*granted.lanes, duration(1), now);
        size_.fetch_sub(1, std::memory_order_seq_cst);
        return static_cast<runnable*>(item);
    }

    std::size_t size() const noexcept { return size_.load(std::memory_order_seq_cst); }

  private:
    spinlock lock_;  // guards the queue and all tenants' demoted lanes
    fair_queue queue_;
    std::atomic<std::size_t> size_{0};  // what the shard holds
};

}  // namespace drama::inline v0::internal
