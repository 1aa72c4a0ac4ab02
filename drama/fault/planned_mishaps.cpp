// SPDX-License-Identifier: Apache-2.0
#include "drama/fault/planned_mishaps.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "drama/coro/runnable.hpp"

namespace drama::inline v0 {
namespace {

// Sites are literals: a plan keeps them.
std::string_view call_site(std::string_view pool) noexcept {
    return pool == "compute"    ? "call.compute"
           : pool == "blocking" ? "call.blocking"
           : pool == "files"    ? "call.files"
                                : "call.names";
}

std::string_view pool_site(std::string_view pool) noexcept {
    return pool == "compute"    ? "pool.compute"
           : pool == "blocking" ? "pool.blocking"
           : pool == "files"    ? "pool.files"
                                : "pool.names";
}

instant up_to_grid(instant when, std::int64_t grid_ns) noexcept {
    const std::int64_t rest = when.time_since_epoch().count() % grid_ns;
    return rest == 0 ? when : saturating_add(when, duration(grid_ns - rest));
}

}  // namespace

void planned_mishaps::begin_call(const char* pool, const account& payer) noexcept {
    const auto length = plan_->decide({.kind = fault_kind::blocking_stalls,
                                       .site = call_site(pool),
                                       .payer = &payer,
                                       .node = node_});
    fault_time* const time = faults_of_this_thread().time;
    if (length && time != nullptr) {
        time->pass(duration(*length), std::string_view(pool) == "compute");
    }
}

std::size_t planned_mishaps::threads_max(const char* pool, std::size_t wanted) noexcept {
    const auto cap =
        plan_->decide({.kind = fault_kind::pool_at_cap, .site = pool_site(pool), .node = node_});
    return cap ? std::clamp(static_cast<std::size_t>(*cap), std::size_t{1}, wanted) : wanted;
}

bool planned_mishaps::moves(const runnable& woken) noexcept {
    return plan_
        ->decide({.kind = fault_kind::task_migrates,
                  .site = "task.wake",
                  .payer = woken.payer,
                  .node = node_})
        .has_value();
}

instant planned_mishaps::timer_due(instant when) noexcept {
    const runnable* const task = current_runnable();
    fault_site at{.kind = fault_kind::timer_late,
                  .site = "timer.arm",
                  .payer = task == nullptr ? nullptr : task->payer,
                  .node = node_};
    if (const auto late_ns = plan_->decide(at)) {
        when = saturating_add(when, duration(*late_ns));
    }
    at.kind = fault_kind::timers_at_once;
    if (const auto grid_ns = plan_->decide(at); grid_ns && *grid_ns > 0 && when != never) {
        when = up_to_grid(when, *grid_ns);
    }
    const instant other = last_due_.load(std::memory_order_relaxed);
    at.kind = fault_kind::cancel_at_expiry;
    if (other > when && other - when <= expiry_reach && plan_->decide(at)) {
        when = other;
    }
    last_due_.store(when, std::memory_order_relaxed);
    return when;
}

wall_instant planned_mishaps::wall_now() noexcept {
    const runnable* const task = current_runnable();
    const auto back_ns = plan_->decide({.kind = fault_kind::wall_clock_back,
                                        .site = "clock.wall",
                                        .payer = task == nullptr ? nullptr : task->payer,
                                        .node = node_});
    const duration by(back_ns ? -*back_ns : 0);
    if (wall_ != nullptr) {
        wall_->set_by(by);
        return wall_->read();
    }
    duration off = machine_off_.load(std::memory_order_relaxed);
    while (!machine_off_.compare_exchange_weak(off, off + by, std::memory_order_relaxed)) {
    }
    return machine_wall_now() + off + by;
}

}  // namespace drama::inline v0
