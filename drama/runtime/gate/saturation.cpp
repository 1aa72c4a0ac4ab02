// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/gate/saturation.hpp"

#include <algorithm>

namespace drama::inline v0 {
namespace {

constexpr double shrink = 0.7;
constexpr double calm = 0.5;
constexpr int calm_intervals_needed = 2;

double ratio(duration seen, duration target) noexcept {
    return std::clamp(static_cast<double>(seen.count()) / static_cast<double>(target.count()), 0.0,
                      1.0);
}

}  // namespace

saturation::saturation(const saturation_targets& targets) noexcept
    : targets_(targets), delay_max_ns_(targets.delay_ceiling.count()) {
}

void saturation::begin(const saturation_signals& seen, instant now) noexcept {
    interval_began_ = now;
    polls_before_ = seen.polls;
    low_ = lows{};
}

void saturation::sample(const saturation_signals& seen, instant now) noexcept {
    // Whoever samples may have slept while nothing ran: what was before says nothing.
    if (now - sampled_ > targets_.interval) {
        begin(seen, now);
    }
    sampled_ = now;
    low_.async_queued = std::min(low_.async_queued, seen.async_queued);
    low_.blocking_wait =
        std::min(low_.blocking_wait, seen.is_blocking_full ? seen.blocking_wait : duration::zero());
    low_.disk_wait = std::min(low_.disk_wait, seen.disk_wait);
    low_.memory = std::min(low_.memory, seen.memory);
    if (now - interval_began_ >= targets_.interval) {
        judge(seen, now);
        begin(seen, now);
    }
}

// The time to drain a queue is its length by the rate at which this interval served it.
void saturation::judge(const saturation_signals& seen, instant now) noexcept {
    const auto served =
        static_cast<std::int64_t>(std::max<std::uint64_t>(1, seen.polls - polls_before_));
    constexpr std::size_t countable = 1'000'000'000;
    const auto queued = static_cast<std::int64_t>(std::min(low_.async_queued, countable));
    const duration drain = (now - interval_began_) / served * queued;
    const auto set = [this](resource of, double value) {
        level_[static_cast<std::size_t>(of)].store(value, std::memory_order_relaxed);
        return value;
    };
    double highest = set(resource::cpu, ratio(drain, targets_.standing_queue));
    highest = std::max(highest,
                       set(resource::blocking, ratio(low_.blocking_wait, targets_.standing_queue)));
    highest =
        std::max(highest, set(resource::disk, ratio(low_.disk_wait, targets_.standing_queue)));
    highest = std::max(highest, set(resource::memory, std::clamp(low_.memory, 0.0, 1.0)));
    set_state(highest);
}

void saturation::set_state(double highest) noexcept {
    if (highest >= 1) {
        calm_intervals_ = 0;
        over_.store(true, std::memory_order_relaxed);
    } else if (highest < calm && ++calm_intervals_ >= calm_intervals_needed) {
        over_.store(false, std::memory_order_relaxed);
    } else if (highest >= calm) {
        calm_intervals_ = 0;
    }
    const duration now = delay_max();
    const auto smaller =
        duration(static_cast<std::int64_t>(shrink * static_cast<double>(now.count())));
    const duration next = is_over() ? std::max(targets_.delay_floor, smaller)
                                    : std::min(targets_.delay_ceiling, now + targets_.delay_step);
    delay_max_ns_.store(next.count(), std::memory_order_relaxed);
}

saturation_state saturation::read() const noexcept {
    saturation_state seen;
    for (std::size_t i = 0; i < resources; ++i) {
        seen.level[i] = level_[i].load(std::memory_order_relaxed);
        if (seen.level[i] > seen.process) {
            seen.process = seen.level[i];
            seen.cause = static_cast<resource>(i);
        }
    }
    seen.is_over = is_over();
    seen.delay_max = delay_max();
    return seen;
}

}  // namespace drama::inline v0
