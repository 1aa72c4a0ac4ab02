// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/internal/thread_group.hpp"

#include <algorithm>
#include <utility>

#include "drama/sim/internal/sim_scheduler.hpp"

namespace drama::inline v0::internal {
namespace {

std::int64_t drawn_from(const duration_range& range, prng& random) noexcept {
    const std::int64_t spread = (range.most - range.least).count();
    return range.least.count() +
           (spread <= 0
                ? 0
                : static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(spread) + 1)));
}

}  // namespace

std::int64_t thread_group::cpu_time(std::int64_t declared_ns) noexcept {
    if (!has_costs) {
        return declared_ns;
    }
    std::int64_t taken = declared_ns / 100 * cost_percent + declared_ns % 100 * cost_percent / 100;
    if (stolen_one_in != 0 && chance.below(stolen_one_in) == 0) {
        taken += drawn_from(stolen, chance);
    }
    return taken;
}

std::int64_t thread_group::step_time(thread_role role, std::int64_t usual_ns) noexcept {
    if (!has_costs) {
        return usual_ns;
    }
    const duration_range& own = step_cost[static_cast<std::size_t>(role)];
    return cpu_time(own.most > duration::zero() ? drawn_from(own, chance) : usual_ns);
}

void sim_scheduler::hold(thread_group& group) noexcept {
    group.is_held = true;
    std::erase_if(ready_, [&](sim_thread* each) {
        const bool is_of_it = each->group == &group;
        if (is_of_it) {
            group.held.push_back(each);
        }
        return is_of_it;
    });
}

void sim_scheduler::let_go(thread_group& group) noexcept {
    group.is_held = false;
    for (sim_thread* const each : std::exchange(group.held, {})) {
        ready_.push_back(each);
    }
}

bool sim_scheduler::wait_at(const void* object, std::int64_t until_ns) noexcept {
    object_wait mine{object, {.id = next_point_id()}, current_->group, until_ns};
    object_waits_.push_back(&mine);
    wait(mine.point, until_ns);
    std::erase(object_waits_, &mine);
    return mine.point.notified;
}

std::size_t sim_scheduler::waiting_at_objects() const noexcept {
    return static_cast<std::size_t>(std::ranges::count_if(
        object_waits_, [](const object_wait* each) { return each->until_ns == never_ns; }));
}

// One that can go on is woken rather than one that is held, which might keep what it gets for ever.
void sim_scheduler::wake_at(const void* object, bool all) noexcept {
    object_wait* held = nullptr;
    for (object_wait* const each : object_waits_) {
        if (each->object != object || each->point.notified) {
            continue;
        }
        if (!all && each->group != nullptr && each->group->is_held) {
            held = held == nullptr && !each->group->is_dead ? each : held;
            continue;
        }
        notify(each->point);
        if (!all) {
            return;
        }
    }
    if (held != nullptr) {
        notify(held->point);
    }
}

}  // namespace drama::inline v0::internal
