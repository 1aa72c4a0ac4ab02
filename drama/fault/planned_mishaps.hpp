// SPDX-License-Identifier: Apache-2.0
// What a plan answers to the runtime of its world: calls that stall, pools that are full, tasks
// that change cores, timers that are late, a wall clock that is set back.
#pragma once

#include <atomic>
#include <string_view>

#include "drama/fault/fault_plan.hpp"
#include "drama/runtime/world/mishaps.hpp"

namespace drama::inline v0 {

/// Asks for blocking_stalls at "call.POOL", pool_at_cap at "pool.POOL", task_migrates at
/// "task.wake", timer_late, timers_at_once and cancel_at_expiry at "timer.arm",
/// wall_clock_back at "clock.wall".
class DRAMA_API planned_mishaps final : public world_mishaps {
  public:
    /// `wall`: null for the machine's. Lifetime: plan, node and wall outlive it.
    explicit planned_mishaps(fault_plan& plan, std::string_view node = {},
                             wall_source* wall = nullptr) noexcept
        : plan_(&plan), node_(node), wall_(wall) {}

    void begin_call(const char* pool, const account& payer) noexcept override;
    std::size_t threads_max(const char* pool, std::size_t wanted) noexcept override;
    bool moves(const runnable& woken) noexcept override;
    instant timer_due(instant when) noexcept override;
    wall_instant wall_now() noexcept override;

  private:
    /// A timer is moved to another's instant only so far.
    static constexpr duration expiry_reach = std::chrono::seconds(10);

    fault_plan* plan_;
    std::string_view node_;
    wall_source* wall_;
    std::atomic<duration> machine_off_{duration::zero()};  // alone: what faults set it by
    std::atomic<instant> last_due_{long_ago};              // alone: any recent value will do
};

}  // namespace drama::inline v0
