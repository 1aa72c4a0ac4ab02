// SPDX-License-Identifier: Apache-2.0
// A workload to replay: tenants with what they ask for, and the queues that serve them. The tables
// of settings name the keys of a workload file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drama/base/work.hpp"
#include "flags.hpp"
#include "replay/workload/cost_law.hpp"

namespace drama::cli {

// Bounds, each told where it refuses.
inline constexpr std::size_t replay_servers_max = 256;
inline constexpr std::size_t replay_tenants_max = 2'000'000;
inline constexpr std::size_t replay_lines_max = 10'000;  ///< of tenants in one file
inline constexpr std::size_t replay_stages_max = 8;
inline constexpr std::uint64_t replay_items_max = 20'000'000;  ///< queued at once
/// Up to so many tenants have figures of their own; beyond, a line of the workload has.
inline constexpr std::size_t replay_records_max = 500;

/// A queue and the servers behind it. One of kind `async` grants turns over shards, as the workers
/// do; the others run functions to their end, as the pools and the disk do.
struct queue_plan {
    std::string name = "compute";
    std::string kind = "compute";
    std::uint64_t servers = 2;
    bool knows_costs = false;  ///< the order is told what an item costs
    double refresh_ms = 10;    ///< how often what runs is charged; 0: at its end alone

    queue_id id() const noexcept;
};

/// One step of a piece of work: what it costs in which queue.
struct stage_plan {
    std::string queue;  ///< empty: the first one
    cost_law cost;
    std::size_t queue_index = 0;  ///< set by complete()
};

/// A line of the workload: one tenant, or `count` of them that differ in their draws alone.
struct tenant_plan {
    std::string name;
    std::uint64_t count = 1;
    double weight = 1;
    std::string latency_text = "normal";
    std::string class_text = "read";
    std::string arrivals = "backlogged";  ///< backlogged, closed, fixed, poisson, bursts, trace
    double rate = 0;                      ///< a second
    std::uint64_t burst = 1;
    std::uint64_t outstanding = 0;  ///< of backlogged and closed; 0: enough never to run dry
    double think_us = 0;            ///< closed: between an end and the next arrival
    double start_seconds = 0;
    double stop_seconds = 0;  ///< 0: never
    std::string group;
    double reserved = 0;  ///< servers of its first queue that it is promised
    double limit = 0;     ///< and that it may use at most; 0: all
    std::vector<stage_plan> stages;

    latency latency_setting() const noexcept;
    work_class cls() const noexcept;
    bool is_closed() const noexcept { return arrivals == "backlogged" || arrivals == "closed"; }
};

struct group_plan {
    std::string name;
    double weight = 1;
    std::string parent;
};

struct workload {
    std::string name;
    std::string note;
    double seconds = 10;
    double warm_up_seconds = 1;
    double sample_ms = 100;
    std::uint64_t seed = 1;
    std::uint64_t starts = 0;   ///< how many starts to tell, from the end of the warm-up on
    std::uint64_t workers = 0;  ///< of the first queue, where no queue is described
    std::string kind = "compute";
    bool knows_costs = false;
    std::vector<std::string> orders;
    std::vector<queue_plan> queues;
    std::vector<group_plan> groups;
    std::vector<tenant_plan> tenants;
    std::string trace;  ///< a CSV file of arrivals

    std::size_t tenant_count() const noexcept;
};

/// What one tenant of each line weighs where groups are flattened: all that a fluid and the classic
/// orders know of groups. As if all tenants were active.
std::vector<double> flat_weights(const workload& of);

/// The names of the orders, drama's own first.
const std::vector<std::string_view>& order_names();

std::vector<flag> settings_of(workload& into);
std::vector<flag> settings_of(queue_plan& into);
std::vector<flag> settings_of(group_plan& into);
std::vector<flag> settings_of(tenant_plan& into);
std::vector<flag> settings_of(cost_law& into);

/// Resolves names and defaults; says what is wrong, or nothing.
std::string complete(workload& made);

}  // namespace drama::cli
