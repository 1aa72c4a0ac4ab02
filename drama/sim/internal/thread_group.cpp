// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/internal/thread_group.hpp"

#include <algorithm>
#include <utility>

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

}  // namespace drama::inline v0::internal
