// SPDX-License-Identifier: Apache-2.0
#include "demo_scenarios.hpp"

#include <array>

namespace drama::cli {
namespace {

// All at once in `mixed`, each by itself in the others.
constexpr std::array<demo_noise, 6> noises{{
    {"hog", "GET", "/hog?ms=20", 16},
    {"blocking", "GET", "/block?ms=50", 500},
    {"flood", "GET", "/echo?bytes=64", 64},
    {"compute", "GET", "/compute?us=20000", 16},
    {"storm", "POST", "/spawn?n=1000000&us=1", 1},
    {"fsync", "POST", "/churn?mib=1", 64},
}};
constexpr std::array<demo_noise, 1> blocking8{{{"blocking8", "GET", "/block?ms=50", 500}}};

constexpr std::span<const demo_noise> noise(std::size_t index) {
    return std::span(noises).subspan(index, 1);
}

constexpr demo_request blocking_victim{.path = "/block?ms=1"};
constexpr demo_request disk_victim{.method = "PUT", .path = "/files/x", .body_bytes = 4096};

constexpr std::array<demo_scenario, 8> scenarios{{
    {.name = "hog", .neighbours = noise(0)},
    {.name = "blocking", .neighbours = noise(1), .victim = blocking_victim},
    {.name = "flood", .neighbours = noise(2)},
    {.name = "compute", .neighbours = noise(3)},
    {.name = "storm", .neighbours = noise(4), .counts_tasks = true},
    {.name = "blocking8", .neighbours = blocking8, .victim = blocking_victim, .blocking_max = "8"},
    {.name = "fsync", .neighbours = noise(5), .victim = disk_victim, .needs_data = true},
    {.name = "mixed", .neighbours = noises, .needs_data = true},
}};

}  // namespace

std::span<const demo_scenario> demo_scenarios() noexcept {
    return scenarios;
}

std::vector<std::string> demo_plan::server_arguments(const std::string& data) const {
    const bool is_plain = policy == "plain";
    std::vector<std::string> arguments;
    if (command.empty()) {
        arguments = {"--admin", "127.0.0.1:0", "--policy", is_plain ? "fifo" : policy,
                     "--io",    backend};
    }
    if (is_plain) {
        arguments.emplace_back("--no-hand-over");
    }
    if (what->needs_data) {
        arguments.emplace_back("--data");
        arguments.push_back(data);
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
