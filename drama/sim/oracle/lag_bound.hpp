// SPDX-License-Identifier: Apache-2.0
// How long a tenant that has a ready task and a share may be left without a turn: what the fair
// queue promises, for the costs that a run has.
#pragma once

#include <cstddef>

#include "drama/base/clock.hpp"

namespace drama::inline v0 {

struct lag_costs {
    std::size_t tenants = 1;  ///< that compete at once
    double weight_ratio = 1;  ///< of the heaviest to the one in question
    duration quantum = std::chrono::microseconds(50);
    duration longest_poll{};  ///< of any task
    duration hand_over{};     ///< how long a worker may be kept by one poll; zero: not at all
    duration delays{};        ///< of wake-ups and of threads that lose their CPU
};

/// Every other tenant may have as many turns as its weight gives it for one of the tenant's, each
/// with an overrun of a poll; before that, one poll ends that had begun.
constexpr duration lag_bound(const lag_costs& costs) noexcept {
    const duration poll = costs.hand_over > duration::zero() && costs.longest_poll > costs.hand_over
                              ? costs.hand_over
                              : costs.longest_poll;
    const duration turn = costs.quantum + poll;
    const auto turns = static_cast<double>(costs.tenants) * (costs.weight_ratio + 1);
    return duration(static_cast<duration::rep>(static_cast<double>(turn.count()) * turns)) + poll +
           costs.delays;
}

}  // namespace drama::inline v0
