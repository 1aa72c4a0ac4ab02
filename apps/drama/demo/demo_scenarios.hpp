// SPDX-License-Identifier: Apache-2.0
// Who is the neighbour in the demonstration, and under which orders it is shown.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace drama::cli {

/// Who makes the noise, and what the victim asks for next to it.
struct demo_scenario {
    std::string_view name;
    std::string_view method;
    std::string_view neighbour_path;
    std::string_view victim_path;
    std::size_t connections;
    std::string_view blocking_max = {};  ///< of the server; empty: as it is
    bool counts_tasks = false;           ///< the neighbour's work is its finished child tasks
};

/// One row: `plain` is first come, first served without the hand-over, what most runtimes do.
struct demo_plan {
    const demo_scenario* what;
    std::string policy;
    std::string backend;
    std::string command = {};  ///< of another server; empty: `drama serve`

    /// For `drama serve`, or the command.
    std::vector<std::string> server_arguments() const;
};

std::span<const demo_scenario> demo_scenarios() noexcept;

/// The rows to show. `only`: one scenario's name, or empty. `quick`: one backend, the short list.
std::vector<demo_plan> demo_plans(std::string_view only, bool quick);
/// The same with another server, which has one policy and one backend of its own: one row each.
std::vector<demo_plan> demo_plans_of(const std::string& command, std::string_view only);

}  // namespace drama::cli
