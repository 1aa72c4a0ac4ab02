// SPDX-License-Identifier: Apache-2.0
// Replays a workload under one order in virtual time: a deterministic event loop. The same seed
// gives the same arrivals and costs under every order.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "replay/run/measure.hpp"
#include "replay/workload/workload.hpp"

namespace drama::cli {

struct replay_line {
    replay_figures all;
    std::uint64_t tenants = 0;
    double part_least = 0;  ///< of the tenants' dominant parts
    double part_most = 0;
};

struct replay_tenant_figures {
    std::string name;
    double weight = 1;
    replay_figures figures;
};

struct replay_start {
    std::uint32_t server = 0;
    std::string tenant;
};

struct replay_result {
    std::string order;
    std::vector<replay_start> starts;            ///< the first ones, if they were asked for
    std::vector<replay_line> lines;              ///< one for each of the workload's
    std::vector<replay_tenant_figures> tenants;  ///< each, where they are few
    std::vector<double> utilisation;             ///< of each queue's servers
    double jain = 0;  ///< index of the parts per weight of tenants that always have work
    std::uint64_t events = 0;
};

/// Errors: one line; too much is queued, or the trace is wrong.
std::expected<replay_result, std::string> replay(const workload& what, std::string_view order);

}  // namespace drama::cli
