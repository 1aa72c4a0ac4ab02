// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/internal/machine_calls.hpp"

#include "drama/sim/internal/sim_scheduler.hpp"
#include "drama/sim/internal/sim_wall_clock.hpp"

namespace drama::inline v0::internal {

bool machine_calls::is_simulated() noexcept {
    const sim_scheduler* const in = scheduler_of_this_thread();
    return in != nullptr && in->current() != nullptr;
}

bool machine_calls::is_between_steps() noexcept {
    return !is_simulated() &&
           (scheduler_of_this_thread() != nullptr || scheduler_owned_by_this_thread() != nullptr);
}

void machine_calls::stray(const char* call, const std::string& where) noexcept {
    scheduler_of_this_thread()->report_stray(call, where);
}

bool machine_calls::answers_clocks() noexcept {
    return scheduler_of_this_thread()->options().answers_clocks;
}

std::int64_t machine_calls::clock_ns() noexcept {
    return scheduler_of_this_thread()->look_at_clock();
}

std::int64_t machine_calls::wall_clock_ns() noexcept {
    sim_scheduler& in = *scheduler_of_this_thread();
    in.look_at_clock();
    const thread_group* const group = in.current()->group;
    const wall_instant now =
        group == nullptr ? sim_wall_clock(in.clock_value()).read() : group->wall->wall_now();
    return now.time_since_epoch().count();
}

void machine_calls::give_way() noexcept {
    scheduler_of_this_thread()->pass_time(std::chrono::nanoseconds(500), false);
}

bool machine_calls::wait_at(const void* object, std::int64_t until_ns) noexcept {
    return scheduler_of_this_thread()->wait_at(object, until_ns);
}

std::size_t machine_calls::wake(const void* object, bool all) noexcept {
    if (sim_scheduler* const in = scheduler_of_this_thread()) {
        return in->wake_at(object, all);
    }
    std::size_t woken = 0;
    for (sim_scheduler* each = scheduler_owned_by_this_thread(); each != nullptr;
         each = each->owned_before()) {
        woken += each->wake_at(object, all);
    }
    return woken;
}

bool machine_calls::let_holder_go_on(int round) noexcept {
    sim_scheduler* const served = scheduler_of_this_thread();
    sim_scheduler* const in = served != nullptr ? served : scheduler_owned_by_this_thread();
    return in != nullptr && in->let_holder_go_on(round);
}

}  // namespace drama::inline v0::internal
