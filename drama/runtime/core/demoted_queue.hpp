// SPDX-License-Identifier: Apache-2.0
// Turns of tasks whose spawn site has a record of overrunning: they run on demoted threads, in fair
// order, each with a CPU permit.
#pragma once

#include <mutex>

#include "drama/base/spinlock.hpp"
#include "drama/coro/runnable.hpp"
#include "drama/sched/fair_queue.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0::internal {

/// Threads: any. Complexity: a lock, O(log tenants).
class demoted_queue {
  public:
    explicit demoted_queue(policy order) : queue_(order, 1, queue_id::async) {}

    void push(runnable& task, instant now) {
        const std::lock_guard guard(lock_);
        queue_.shard(0).push(static_cast<tenant_record&>(*task.payer).demoted_lanes(), task, now);
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
        return static_cast<runnable*>(item);
    }

    std::size_t size() const noexcept { return queue_.shard(0).size(); }

  private:
    spinlock lock_;  // guards the queue and all tenants' demoted lanes
    fair_queue queue_;
};

}  // namespace drama::inline v0::internal
