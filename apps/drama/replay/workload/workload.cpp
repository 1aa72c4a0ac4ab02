// SPDX-License-Identifier: Apache-2.0
#include "replay/workload/workload.hpp"

#include <algorithm>
#include <set>

#include "replay/workload/trace_csv.hpp"

namespace drama::cli {
namespace {

constexpr double real_max = 1e12;

std::string check_order(std::string_view value) {
    const auto& known = order_names();
    if (std::find(known.begin(), known.end(), value) != known.end()) {
        return "";
    }
    std::string wrong = "'" + std::string(value) + "' is none of";
    for (const std::string_view each : known) {
        wrong.append(" ").append(each);
    }
    return wrong;
}

template <class Named>
std::string name_twice(const std::vector<Named>& all, std::string_view what) {
    std::set<std::string_view> seen;
    for (const Named& each : all) {
        if (each.name.empty() || !seen.insert(each.name).second) {
            return std::string(what) + " '" + each.name + "': needs a name of its own";
        }
    }
    return "";
}

std::string resolve_stages(const workload& in, tenant_plan& of) {
    for (stage_plan& stage : of.stages) {
        const auto found =
            std::find_if(in.queues.begin(), in.queues.end(), [&stage](const queue_plan& each) {
                return stage.queue.empty() || each.name == stage.queue;
            });
        if (found == in.queues.end()) {
            return "there is no queue '" + stage.queue + "'";
        }
        stage.queue_index = static_cast<std::size_t>(found - in.queues.begin());
    }
    return "";
}

std::string complete_tenant(const workload& in, tenant_plan& of) {
    if (std::string wrong = resolve_stages(in, of); !wrong.empty()) {
        return wrong;
    }
    const bool has_rate =
        of.arrivals == "fixed" || of.arrivals == "poisson" || of.arrivals == "bursts";
    if (has_rate != (of.rate > 0)) {
        return has_rate ? of.arrivals + " arrivals need a rate"
                        : of.arrivals + " arrivals have no rate";
    }
    if (of.arrivals == "trace" && (in.trace.empty() || of.count != 1)) {
        return "arrivals from a trace need a trace file and a line for each tenant";
    }
    if (of.outstanding == 0) {
        of.outstanding = of.arrivals == "closed" ? 1 : in.queues[0].servers + 1;
    }
    if (of.reserved + of.limit > 0 && in.queues[of.stages[0].queue_index].id() == queue_id::async) {
        return "reserved and limit are of queues that run items to their end";
    }
    if (of.limit > 0 && of.reserved > of.limit) {
        return "more is reserved than its limit allows";
    }
    const bool is_known =
        of.group.empty() || std::any_of(in.groups.begin(), in.groups.end(),
                                        [&of](const auto& each) { return each.name == of.group; });
    return is_known ? "" : "there is no group '" + of.group + "'";
}

std::string check_groups(const workload& in) {
    for (std::size_t i = 0; i != in.groups.size(); ++i) {
        const std::string& parent = in.groups[i].parent;
        const auto end = in.groups.begin() + static_cast<std::ptrdiff_t>(i);
        if (!parent.empty() && std::none_of(in.groups.begin(), end, [&parent](const auto& each) {
                return each.name == parent;
            })) {
            return "group " + in.groups[i].name + ": no group before it is called '" + parent + "'";
        }
    }
    return name_twice(in.groups, "group");
}

}  // namespace

queue_id queue_plan::id() const noexcept {
    for (std::size_t i = 0; i != queues; ++i) {
        if (kind == name_of(static_cast<queue_id>(i))) {
            return static_cast<queue_id>(i);
        }
    }
    return queue_id::compute;
}

latency tenant_plan::latency_setting() const noexcept {
    return latency_text == "low"    ? latency::low
           : latency_text == "high" ? latency::high
                                    : latency::normal;
}

work_class tenant_plan::cls() const noexcept {
    for (std::size_t i = 0; i != work_classes; ++i) {
        if (class_text == name_of(static_cast<work_class>(i))) {
            return static_cast<work_class>(i);
        }
    }
    return work_class::read;
}

std::size_t workload::tenant_count() const noexcept {
    std::size_t count = 0;
    for (const tenant_plan& each : tenants) {
        count += each.count;
    }
    return count;
}

std::vector<double> flat_weights(const workload& of) {
    std::vector<double> inside(of.groups.size(), 0);  // weights of members and groups in each
    std::vector<double> scales(of.groups.size(), 1);
    const auto index_of = [&of](const std::string& name) {
        std::size_t i = 0;
        while (i != of.groups.size() && of.groups[i].name != name) {
            ++i;
        }
        return i;
    };
    for (const group_plan& each : of.groups) {
        if (const std::size_t parent = index_of(each.parent); parent != of.groups.size()) {
            inside[parent] += each.weight;
        }
    }
    for (const tenant_plan& each : of.tenants) {
        if (const std::size_t group = index_of(each.group); group != of.groups.size()) {
            inside[group] += each.weight * static_cast<double>(each.count);
        }
    }
    for (std::size_t i = 0; i != of.groups.size(); ++i) {  // a parent stands before its groups
        const std::size_t parent = index_of(of.groups[i].parent);
        scales[i] = (parent == of.groups.size() ? 1 : scales[parent]) * of.groups[i].weight /
                    std::max(inside[i], 1e-9);
    }
    std::vector<double> weights;
    for (const tenant_plan& each : of.tenants) {
        const std::size_t group = index_of(each.group);
        weights.push_back(each.weight * (group == of.groups.size() ? 1 : scales[group]));
    }
    return weights;
}

const std::vector<std::string_view>& order_names() {
    static const std::vector<std::string_view> names{
        "drama", "fifo", "wfq", "wf2q", "sfq", "2dfq", "class_priority", "round_robin", "eevdf"};
    return names;
}

std::vector<flag> settings_of(workload& into) {
    return {
        {"--name", "NAME", "of the workload", set_text(into.name)},
        {"--note", "TEXT", "what it shows", set_text(into.note)},
        {"--seconds", "S", "of virtual time (10)", set_real(into.seconds, 0.0001, 1e6)},
        {"--warm-up-seconds", "S", "that no figure counts (1)",
         set_real(into.warm_up_seconds, 0, 1e6)},
        {"--sample-ms", "N", "between two looks at the lag (100)",
         set_real(into.sample_ms, 0.001, 1e6)},
        {"--seed", "N", "of all draws (1)", set_number(into.seed, 0, UINT64_MAX)},
        {"--starts", "N", "to tell in the JSON: server and tenant (0)",
         set_number(into.starts, 0, 100'000)},
        {"--workers", "N", "of the first queue (2)",
         set_number(into.workers, 1, replay_servers_max)},
        {"--kind", "async|compute|blocking|disk|net", "of the first queue (compute)",
         set_choice(into.kind, {"async", "compute", "blocking", "disk", "net"})},
        {"--knows-costs", "", "of the first queue: costs are known beforehand",
         set_switch(into.knows_costs)},
        {"--trace", "FILE", "arrivals in CSV", set_text(into.trace)},
        {"--orders", "NAME", "which to replay; may stand several times (all but eevdf)",
         add_text(into.orders, check_order)},
    };
}

std::vector<flag> settings_of(queue_plan& into) {
    return {
        {"--name", "NAME", "of the queue", set_text(into.name)},
        {"--kind", "async|compute|blocking|disk|net", "how it serves (compute)",
         set_choice(into.kind, {"async", "compute", "blocking", "disk", "net"})},
        {"--servers", "N", "that serve it (2)", set_number(into.servers, 1, replay_servers_max)},
        {"--knows-costs", "", "costs are known beforehand", set_switch(into.knows_costs)},
        {"--refresh-ms", "N", "between two charges of what runs (10)",
         set_real(into.refresh_ms, 0, 1e6)},
    };
}

std::vector<flag> settings_of(group_plan& into) {
    return {
        {"--name", "NAME", "of the group", set_text(into.name)},
        {"--weight", "W", "beside its siblings (1)", set_real(into.weight, 0.001, 1e6)},
        {"--parent", "NAME", "the group that it is part of", set_text(into.parent)},
    };
}

std::vector<flag> settings_of(tenant_plan& into) {
    return {
        {"--name", "NAME", "of the tenant, or of the line", set_text(into.name)},
        {"--count", "N", "tenants like this (1)", set_number(into.count, 1, replay_tenants_max)},
        {"--weight", "W", "of each (1)", set_real(into.weight, 0.001, 1e6)},
        {"--latency", "low|normal|high", "setting (normal)",
         set_choice(into.latency_text, {"low", "normal", "high"})},
        {"--class", "write|compute|read|accept", "of its work (read)",
         set_choice(into.class_text, {"write", "compute", "read", "accept"})},
        {"--arrivals", "backlogged|closed|fixed|poisson|bursts|trace", "when work comes",
         set_choice(into.arrivals,
                    {"backlogged", "closed", "fixed", "poisson", "bursts", "trace"})},
        {"--rate", "R", "arrivals a second of each", set_real(into.rate, 0, 1e9)},
        {"--burst", "N", "items at once, with bursts (1)", set_number(into.burst, 1, 1'000'000)},
        {"--outstanding", "N", "items at a time, closed or backlogged",
         set_number(into.outstanding, 0, 1'000'000)},
        {"--think-us", "N", "closed: from an end to the next arrival (0)",
         set_real(into.think_us, 0, real_max)},
        {"--start-seconds", "S", "when it comes (0)", set_real(into.start_seconds, 0, 1e6)},
        {"--stop-seconds", "S", "when it asks for no more (never)",
         set_real(into.stop_seconds, 0, 1e6)},
        {"--group", "NAME", "that it is part of", set_text(into.group)},
        {"--reserved", "N", "servers of its first queue that it is promised (0)",
         set_real(into.reserved, 0, replay_servers_max)},
        {"--limit", "N", "servers of its first queue that it may use, 0: all",
         set_real(into.limit, 0, replay_servers_max)},
    };
}

std::vector<flag> settings_of(cost_law& into) {
    return {
        {"--cost", "LAW",
         "constant, uniform, normal, exponential, lognormal, loguniform, bimodal or pareto",
         set_choice(into.form, {"constant", "uniform", "normal", "exponential", "lognormal",
                                "loguniform", "bimodal", "pareto"})},
        {"--cost-us", "N", "mean cost of an item (100)", set_real(into.mean_us, 0.001, real_max)},
        {"--cost-cv", "N", "standard deviation over mean (0.1)", set_real(into.cv, 0, 100)},
        {"--cost-other-us", "N", "bimodal: of the other kind",
         set_real(into.other_us, 0, real_max)},
        {"--cost-other-part", "N", "bimodal: how many are", set_real(into.other_part, 0, 1)},
        {"--cost-alpha", "N", "pareto: exponent of the tail (1.1)", set_real(into.alpha, 1.01, 10)},
        {"--cost-least-us", "N", "no item costs less", set_real(into.least_us, 0.001, real_max)},
        {"--cost-most-us", "N", "no item costs more", set_real(into.most_us, 0.001, real_max)},
        {"--cost-mean-most-us", "N", "means of the line's tenants lie between cost-us and this",
         set_real(into.mean_most_us, 0, real_max)},
        {"--cost-cv-most", "N", "and their deviations between cost-cv and this",
         set_real(into.cv_most, 0, 100)},
    };
}

std::string complete(workload& made) {
    if (made.queues.empty()) {
        made.queues.push_back({.name = made.kind,
                               .kind = made.kind,
                               .servers = made.workers == 0 ? 2 : made.workers,
                               .knows_costs = made.knows_costs});
    } else if (made.workers != 0) {
        made.queues[0].servers = made.workers;
    }
    if (made.queues.size() > queues) {
        return "more than " + std::to_string(queues) + " queues";
    }
    std::set<queue_id> kinds;
    for (const queue_plan& each : made.queues) {
        if (!kinds.insert(each.id()).second) {
            return "queue " + each.name + ": another queue is of its kind";
        }
    }
    if (!made.trace.empty()) {
        if (std::string wrong = add_trace_tenants(made); !wrong.empty()) {
            return wrong;
        }
    }
    if (made.tenants.empty()) {
        return "there are no tenants";
    }
    if (made.tenant_count() > replay_tenants_max) {
        return "more than " + std::to_string(replay_tenants_max) + " tenants";
    }
    if (made.warm_up_seconds >= made.seconds) {
        return "warm_up_seconds: nothing is left of the " + std::to_string(made.seconds) + " s";
    }
    if (made.orders.empty()) {
        const auto& known = order_names();
        made.orders.assign(known.begin(), known.end() - 1);
    }
    for (tenant_plan& each : made.tenants) {
        if (std::string wrong = complete_tenant(made, each); !wrong.empty()) {
            return "tenant " + each.name + ": " + wrong;
        }
    }
    std::string wrong = check_groups(made);
    for (std::string other :
         {name_twice(made.queues, "queue"), name_twice(made.tenants, "tenant")}) {
        wrong = wrong.empty() ? other : wrong;
    }
    return wrong;
}

}  // namespace drama::cli
