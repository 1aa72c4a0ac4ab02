// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/account/share_groups.hpp"

#include <algorithm>
#include <cmath>

#include "drama/base/assert.hpp"
#include "drama/sched/class_order.hpp"

namespace drama::inline v0 {
namespace {

// Weights inside a group become small fractions; this leaves them digits.
constexpr double root_scale = 64;
// A group that is owed a whole period of all servers is corrected by a tenth.
constexpr double feedback_periods = 10;
constexpr double correction_min = 0.5;
constexpr double correction_max = 2;
constexpr double weight_one = 1024;

}  // namespace

share_groups::share_groups(bool feeds_back) : feeds_back_(feeds_back) {
    groups_.emplace_back();
}

std::int64_t share_groups::fixed(double weight) noexcept {
    return std::max<std::int64_t>(1, std::llround(weight * weight_one));
}

share_groups::group_id share_groups::add(double weight, group_id parent) {
    DRAMA_ASSERT(parent < groups_.size() && groups_.size() < groups_max, "no room for the group");
    group& made = groups_.emplace_back();
    made.weight = weight;
    made.parent = parent;
    return static_cast<group_id>(groups_.size() - 1);
}

// A group counts in its parent while anything is active in it.
void share_groups::change(group_id at, std::int64_t weight) noexcept {
    for (;;) {
        group& here = groups_[at];
        const std::int64_t was = here.active.fetch_add(weight, std::memory_order_relaxed);
        const bool begins = was == 0;
        const bool ends = was + weight == 0;
        if (at == root || begins == ends) {
            return;
        }
        weight = begins ? fixed(here.weight) : -fixed(here.weight);
        at = here.parent;
    }
}

void share_groups::join(group_id to, double weight) noexcept {
    change(to, fixed(weight));
}

void share_groups::leave(group_id from, double weight) noexcept {
    change(from, -fixed(weight));
}

void share_groups::charge(group_id at, duration used) noexcept {
    for (;;) {
        groups_[at].received.fetch_add(used.count(), std::memory_order_relaxed);
        if (at == root) {
            return;
        }
        at = groups_[at].parent;
    }
}

double share_groups::scale(group_id at) const noexcept {
    double product = root_scale;
    for (; at != root; at = groups_[at].parent) {
        const group& here = groups_[at];
        const auto active =
            static_cast<double>(here.active.load(std::memory_order_relaxed)) / weight_one;
        const double correction = here.correction.load(std::memory_order_relaxed);
        product *= here.weight * correction / std::max(active, 1 / weight_one);
    }
    return product;
}

void share_groups::update(instant now) noexcept {
    next_ns_.store((now + clock_period).time_since_epoch().count(), std::memory_order_relaxed);
    const auto all = static_cast<double>(groups_[root].received.load(std::memory_order_relaxed));
    for (std::size_t i = 1; i != groups_.size(); ++i) {
        group& here = groups_[i];
        const group& above = groups_[here.parent];
        const auto got = static_cast<double>(here.received.load(std::memory_order_relaxed));
        const auto above_got = static_cast<double>(above.received.load(std::memory_order_relaxed));
        const auto weights = static_cast<double>(above.active.load(std::memory_order_relaxed));
        const bool is_active = here.active.load(std::memory_order_relaxed) != 0;
        if (!is_active && got == 0) {
            here.lag = 0;  // who has no work is owed nothing
        } else if (weights > 0 && all > 0) {
            const double share =
                static_cast<double>(fixed(here.weight)) /
                (weights + (is_active ? 0 : static_cast<double>(fixed(here.weight))));
            const double most = feedback_periods * all;
            here.lag = std::clamp(here.lag + above_got * share - got, -most / 2, most);
        }
        const double wanted = all > 0 ? 1 + here.lag / (feedback_periods * all) : 1;
        here.correction.store(feeds_back_ ? std::clamp(wanted, correction_min, correction_max) : 1,
                              std::memory_order_relaxed);
    }
    for (group& each : groups_) {
        each.received.store(0, std::memory_order_relaxed);
    }
}

}  // namespace drama::inline v0
