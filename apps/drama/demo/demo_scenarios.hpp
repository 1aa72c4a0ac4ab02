// SPDX-License-Identifier: Apache-2.0
// Who is the neighbour in the demonstration, and under which orders it is shown.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace drama::cli {

/// One busy tenant, called as its scenario or the kind of noise that it makes.
struct demo_noise {
    std::string_view name;
    std::string_view method;
    std::string_view path;
    std::size_t connections;
};

/// What the small tenant asks for.
struct demo_request {
    std::string_view method = "GET";
    std::string_view path = "/echo?bytes=64";
    std::size_t body_bytes = 0;
};

/// Who makes the noise, and what the victim asks for next to it.
struct demo_scenario {
    std::string_view name;
    std::span<const demo_noise> neighbours;
    demo_request victim = {};
    std::string_view blocking_max = {};  ///< of the server; empty: as it is
    bool counts_tasks = false;           ///< the neighbour's work is its finished child tasks
    bool needs_data = false;             ///< the server keeps files, in a folder for a while
};

/// One row: `plain` is first come, first served without the hand-over, what most runtimes do.
struct demo_plan {
    const demo_scenario* what;
    std::string policy;
    std::string backend;
    std::string command = {};  ///< of another server; empty: `drama serve`

    /// For `drama serve`, or the command. `data`: the folder of a scenario that needs one.
    std::vector<std::string> server_arguments(const std::string& data) const;
};

std::span<const demo_scenario> demo_scenarios() noexcept;

/// The rows to show. `only`: one scenario's name, or empty. `quick`: one backend, the short list.
std::vector<demo_plan> demo_plans(std::string_view only, bool quick);
/// The same with another server, which has one policy and one backend of its own: one row each.
std::vector<demo_plan> demo_plans_of(const std::string& command, std::string_view only);

}  // namespace drama::cli
