// SPDX-License-Identifier: Apache-2.0
#include "demo_scenarios.hpp"

#include <array>

namespace drama::cli {
namespace {

constexpr std::array<demo_scenario, 6> scenarios{{
    {"hog", "GET", "/hog?ms=20", "/echo?bytes=64", 16},
    {"blocking", "GET", "/block?ms=50", "/block?ms=1", 500},
    {"flood", "GET", "/echo?bytes=64", "/echo?bytes=64", 64},
    {"compute", "GET", "/compute?us=20000", "/echo?bytes=64", 16},
    {"storm", "POST", "/spawn?n=1000000&us=1", "/echo?bytes=64", 1, {}, true},
    {"blocking8", "GET", "/block?ms=50", "/block?ms=1", 500, "8"},
}};

}  // namespace

std::span<const demo_scenario> demo_scenarios() noexcept {
    return scenarios;
}

std::vector<std::string> demo_plan::server_arguments() const {
    const bool is_plain = policy == "plain";
    std::vector<std::string> arguments;
    if (command.empty()) {
        arguments = {"--admin", "127.0.0.1:0", "--policy", is_plain ? "fifo" : policy,
                     "--io",    backend};
    }
    if (is_plain) {
        arguments.emplace_back("--no-hand-over");
    }
    if (!what->blocking_max.empty()) {
        arguments.emplace_back("--blocking-max");
        arguments.emplace_back(what->blocking_max);
    }
    return arguments;
}

std::vector<demo_plan> demo_plans(std::string_view only, bool quick) {
    std::vector<demo_plan> plans;
    for (const demo_scenario& each : scenarios) {
        if (!only.empty() && only != each.name) {
            continue;
        }
        const bool has_hogs = each.name == "hog";
        plans.push_back({&each, "fair", "epoll"});
        if (has_hogs || !quick) {
            plans.push_back({&each, "fair", "uring"});
        }
        plans.push_back({&each, "fifo", "epoll"});
        if (!quick) {
            plans.push_back({&each, "fifo", "uring"});
        }
        if (has_hogs) {
            plans.push_back({&each, "plain", "epoll"});
        }
    }
    return plans;
}

std::vector<demo_plan> demo_plans_of(const std::string& command, std::string_view only) {
    std::vector<demo_plan> plans;
    for (const demo_scenario& each : scenarios) {
        if (only.empty() || only == each.name) {
            plans.push_back({&each, "own", "own", command});
        }
    }
    return plans;
}

}  // namespace drama::cli
