// SPDX-License-Identifier: Apache-2.0
// Why one tenant waits, from two looks at a runtime: what it got and was entitled to, what held it
// back, for whom, and what could be done. It knows no terminal and no network.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "explain/decisions.hpp"
#include "top/top_sample.hpp"

namespace drama::cli {

/// The state of one tenant's work in one queue.
struct queue_state {
    std::string queue;
    std::uint64_t waiting = 0;
    double oldest_seconds = 0;
    double lag_seconds = 0;  ///< what it is owed
};

struct explanation {
    tenant_row row;
    double seconds = 0;   ///< between the looks
    double entitled = 0;  ///< its share of CPU, by weight, among those that wanted any; 0 to 1
    std::vector<queue_state> queues;  ///< in which it has work that waits
    /// Tenants that were held back while this one was served, with seconds a second.
    std::vector<std::pair<std::string, double>> held_for_it;
    std::vector<decision_row> decisions;  ///< about it, the latest first
    std::string verdict;                  ///< one line
    std::vector<std::string> advice;      ///< what could be done

    std::string text() const;
    /// One object and a newline.
    std::string json() const;
};

/// Nothing if `after` has no tenant of that name.
std::optional<explanation> explain(std::string_view tenant, const top_sample& before,
                                   const top_sample& after);

}  // namespace drama::cli
