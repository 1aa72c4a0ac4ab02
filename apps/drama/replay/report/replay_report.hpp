// SPDX-License-Identifier: Apache-2.0
// What a replay found, as a table, as JSON, as CSV and as a plot.
#pragma once

#include <string>
#include <vector>

#include "replay/run/replay_run.hpp"

namespace drama::cli {

struct replay_report {
    const workload* what = nullptr;
    std::vector<replay_result> results;

    /// A line for each order and line of the workload.
    std::string text() const;
    std::string json() const;
    /// A line for each order and tenant, where tenants have figures of their own; else for each
    /// line of the workload.
    std::string csv() const;
    /// Percentiles of the wait of one line of the workload, for each order.
    std::string svg(const std::string& line) const;
};

}  // namespace drama::cli
