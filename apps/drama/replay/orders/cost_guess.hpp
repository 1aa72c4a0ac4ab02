// SPDX-License-Identifier: Apache-2.0
// What the classic orders believe an item costs: known beforehand, or guessed from what was seen,
// evenly (their ^E forms in Mace et al. 2016) or pessimistically (2DFQ^E).
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "replay/orders/service_order.hpp"

namespace drama::cli {

/// Units: nanoseconds. Guesses are kept for each tenant and stage.
class cost_guess {
  public:
    cost_guess(std::size_t tenants, bool is_known, bool is_pessimistic)
        : is_known_(is_known), is_pessimistic_(is_pessimistic) {
        if (!is_known_) {
            seen_.resize(tenants);
        }
    }

    double of(const replay_item& item) const {
        if (is_known_) {
            return static_cast<double>(item.cost.count());
        }
        const auto& stages = seen_[item.tenant];
        return item.stage < stages.size() && stages[item.stage] > 0 ? stages[item.stage] : prior_ns;
    }
    void learn(const replay_item& item) {
        if (is_known_) {
            return;
        }
        auto& stages = seen_[item.tenant];
        if (stages.size() <= item.stage) {
            stages.resize(item.stage + 1, 0);
        }
        double& seen = stages[item.stage];
        const auto cost = static_cast<double>(item.cost.count());
        seen = seen <= 0         ? cost
               : is_pessimistic_ ? std::max(keep * seen, cost)
                                 : keep * seen + (1 - keep) * cost;
    }

  private:
    static constexpr double prior_ns = 1e6;
    static constexpr double keep = 0.99;

    bool is_known_;
    bool is_pessimistic_;
    std::vector<std::vector<double>> seen_;
};

}  // namespace drama::cli
