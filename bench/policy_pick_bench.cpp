// SPDX-License-Identifier: Apache-2.0
// One decision: the next tenant, the task of its lane, the settlement of what it cost, and the
// tenant and the task queued again. Records, lanes and tasks are those of the runtime, and are
// visited in another order than that of their addresses.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/policy_bench.hpp"
#include "drama/base/prng.hpp"
#include "drama/coro/runnable.hpp"
#include "drama/sched/fair_queue.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::bench {
namespace {

constexpr std::size_t picks_least = 400'000;
constexpr std::size_t rounds_warm = 8;
constexpr std::size_t cost_count = 4096;  // a power of two

struct backlogged {
    std::unique_ptr<tenant_record> record;
    std::unique_ptr<runnable> task;
};

/// A queue of one core in which all tenants have a task, and the costs to come.
class backlog {
  public:
    explicit backlog(std::size_t tenants) : tenants_(tenants) {
        for (std::size_t i = 0; i != tenants; ++i) {
            backlogged& each = tenants_[i];
            each.record = std::make_unique<tenant_record>(i, "tenant-" + std::to_string(i), 1);
            each.record->lanes_on(0);
            each.task = std::make_unique<runnable>();
        }
        for (std::size_t i = tenants; i > 1; --i) {
            std::swap(tenants_[i - 1], tenants_[random_.below(i)]);
        }
        for (backlogged& each : tenants_) {
            shard().push(each.record->lanes_on(0), *each.task, now_);
        }
        // Turns and requests shrink with the number of tenants, and so do the costs.
        queue_.maybe_update(now_);
        const auto request = static_cast<std::uint64_t>(
            queue_.clock().scaled_slice(slice_of(work_class::read, latency::normal)).count());
        for (duration& cost : costs_) {
            const std::uint64_t usual = request / (random_.below(2) == 0 ? 100 : 1);
            cost = duration(usual / 2 + random_.below(usual));
        }
    }
    backlog(const backlog&) = delete;
    backlog& operator=(const backlog&) = delete;
    ~backlog() {
        while (const turn granted = shard().pick(now_)) {
            while (shard().pop(*granted.lanes, now_) != nullptr) {
            }
            shard().settle(*granted.lanes, 1us, now_);
        }
    }

    lane_set& decide() noexcept {
        fair_shard& here = shard();
        const turn granted = here.pick(now_);
        work_item* const task = here.pop(*granted.lanes, now_);
        const duration cost = costs_[next_cost_++ % cost_count];
        now_ += cost;
        here.push(*granted.lanes, *task, now_);
        here.settle(*granted.lanes, cost, now_);
        return *granted.lanes;
    }
    bool is_eligible(const lane_set& lanes) const noexcept {
        return !before(queue_.clock().at(now_), lanes.share().position(queue_.id()));
    }

    /// The tasks in the order in which they were queued first, each knowing the next.
    void*& chain() noexcept {
        for (std::size_t i = 0; i != tenants_.size(); ++i) {
            tenants_[i].task->user_slot = &tenants_[(i + 1) % tenants_.size()].task->user_slot;
        }
        return tenants_.front().task->user_slot;
    }

  private:
    fair_shard& shard() noexcept { return queue_.shard(0); }

    prng random_{1};
    fair_queue queue_{policy::fair, 1, queue_id::async};
    std::vector<backlogged> tenants_;
    std::array<duration, cost_count> costs_{};
    std::size_t next_cost_ = 0;
    instant now_{1s};
};

double nanoseconds_each(std::int64_t began, std::size_t steps) noexcept {
    return static_cast<double>(now_ns() - began) / static_cast<double>(steps);
}

double chase(void*& start, std::size_t steps) noexcept {
    void* at = &start;
    const std::int64_t began = now_ns();
    for (std::size_t i = 0; i != steps; ++i) {
        at = *static_cast<void**>(at);
        asm volatile("" : "+r"(at));
    }
    return nanoseconds_each(began, steps);
}

}  // namespace

pick_figures measure_pick(std::size_t tenants) {
    const std::size_t picks = std::max(picks_least, tenants);  // a round at least
    const auto queue = std::make_unique<backlog>(tenants);
    for (std::size_t i = 0; i != rounds_warm * tenants; ++i) {
        queue->decide();
    }
    pick_figures found{};
    std::size_t ineligible = 0;
    for (std::size_t i = 0; i != picks; ++i) {
        ineligible += queue->is_eligible(queue->decide()) ? 0 : 1;
    }
    found.ineligible = static_cast<double>(ineligible) / static_cast<double>(picks);
    void*& start = queue->chain();
    for (std::size_t repetition = 0; repetition != repetitions; ++repetition) {
        const std::int64_t began = now_ns();
        for (std::size_t i = 0; i != picks; ++i) {
            queue->decide();
        }
        found.pick_ns[repetition] = nanoseconds_each(began, picks);
        found.chase_ns[repetition] = chase(start, picks);
    }
    return found;
}

}  // namespace drama::bench
