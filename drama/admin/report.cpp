// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "drama/admin/json_writer.hpp"
#include "drama/admin/metrics_holds.hpp"

namespace drama::inline v0 {
namespace {

using names_of_shares = std::unordered_map<const tenant_share*, std::string_view>;

constexpr double weight_unit = 1024;  // tenant_share keeps weights as fixed-point numbers

void write_operations(json_writer& json, const tenant_usage::op_table* operations) {
    json.begin_object("operations");
    for (std::size_t i = 0; operations != nullptr && i < op_codes; ++i) {
        const op_usage& each = (*operations)[i];
        const std::uint64_t count = each.operations.read();
        if (count == 0) {
            continue;
        }
        json.begin_object(name_of(static_cast<op_code>(i)));
        json.number("count", count);
        json.number("bytes", each.bytes.read());
        json.number("errors", each.errors.read());
        json.end_object();
    }
    json.end_object();
}

void write_depths(json_writer& json, const tenant_record::depths& of) {
    json.begin_object("depth");
    json.number("async", of.async);
    json.number("compute", of.compute);
    json.number("blocking", of.blocking);
    json.number("disk", of.disk);
    json.end_object();
}

void write_holds(json_writer& json, const char* where, const hold_figures& held,
                 const names_of_shares& names) {
    json.begin_object(where);
    json.number("throttled_ns", held.throttled_ns());
    json.number("item_ns", held.item_ns);
    json.begin_object("causes");
    for (std::size_t i = 0; i != hold_causes; ++i) {
        if (held.by_cause[i] != 0) {
            json.number(name_of(static_cast<hold_cause>(i)), held.by_cause[i]);
        }
    }
    json.end_object();
    json.begin_array("beneficiaries");
    for (const hold_account::beneficiary& each : held.beneficiaries) {
        if (const auto known = names.find(each.who); known != names.end()) {
            json.begin_object();
            json.text("tenant", known->second);
            json.number("ns", each.ns);
            json.end_object();
        }
    }
    json.end_array();
    json.end_object();
}

bool is_empty(const hold_figures& held) {
    return std::ranges::all_of(held.by_cause, [](std::uint64_t each) { return each == 0; });
}

// What keeps its work waiting, in each queue where there is or was anything of that.
void write_waits(json_writer& json, const runtime& in, const tenant& of,
                 const names_of_shares& names) {
    constexpr std::array shown{queue_id::async, queue_id::compute, queue_id::blocking,
                               queue_id::disk};
    json.begin_object("lag_ns");
    for (const queue_id each : shown) {
        json.number(name_of(each), in.lag_of(of, each).count());
    }
    json.end_object();
    json.begin_object("oldest_ns");
    for (const queue_id each : shown) {
        json.number(name_of(each), in.oldest_wait_of(of, each).count());
    }
    json.end_object();
    json.begin_object("holds");
    for (const queue_id each : shown) {
        if (const hold_figures held = in.held_in(of, each); !is_empty(held)) {
            write_holds(json, name_of(each), held, names);
        }
    }
    if (const hold_figures held = of.record().held_at_gates(); !is_empty(held)) {
        write_holds(json, "admission", held, names);
    }
    json.end_object();
}

void write_window(json_writer& json, const tenant_sums& sums, duration length) {
    json.begin_object("window");
    for (std::size_t i = 0; i != tenant_figures; ++i) {
        json.number(name_of(static_cast<tenant_figure>(i)), std::llround(sums.of[i]));
    }
    if (has_demand(sums, length)) {
        json.number("satisfaction", satisfaction_of(sums));
    } else {
        json.null("satisfaction");
    }
    json.end_object();
}

// `window`: what it did in that is told too; or null.
void write_tenant(json_writer& json, const runtime& in, const tenant& of,
                  const names_of_shares& names, const tenant_window* window = nullptr) {
    const tenant_record& record = of.record();
    const tenant_usage& usage = record.usage;
    json.begin_object();
    json.number("id", of.id());
    json.text("name", of.name());
    json.number("weight", static_cast<double>(record.share().weight()) / weight_unit);
    json.number("tasks", record.tasks());
    json.number("requests", record.requests.load(std::memory_order_relaxed));
    json.number("cpu_ns", usage.cpu_ns.read());
    json.number("burned_ns", usage.burned_ns.read());
    json.number("queue_wait_ns", usage.queue_wait_ns.read());
    json.number("turns", usage.turns.read());
    json.number("polls", usage.polls.read());
    json.number("tasks_started", usage.tasks_started.read());
    json.number("tasks_ended", usage.tasks_ended.read());
    json.number("compute_calls", usage.compute_calls.read());
    json.number("blocking_calls", usage.blocking_calls.read());
    json.number("blocking_ns", usage.blocking_ns.read());
    json.number("pool_wait_ns", usage.pool_wait_ns.read());
    json.number("disk_wait_ns", usage.disk_wait_ns.read());
    json.number("refused", usage.refused.read());
    json.number("stalls", usage.stalls.read());
    json.number("hand_overs", usage.hand_overs.read());
    json.number("demoted_turns", usage.demoted_turns.read());
    json.number("demoted_threads", record.demoted_threads.load(std::memory_order_relaxed));
    json.number("blocking_threads", record.blocking_threads.load(std::memory_order_relaxed));
    json.number("throttled_ns", record.throttled_ns());
    json.number("frame_bytes", record.frame_bytes());
    json.number("buffer_bytes", record.buffer_bytes());
    write_depths(json, record.queued());
    write_waits(json, in, of, names);
    write_operations(json, record.operations());
    if (window != nullptr) {
        write_window(json, window->of(of.id()), window->length);
    }
    json.end_object();
}

void write_decision(json_writer& json, const decision& made, instant now,
                    const names_of_shares& names) {
    json.begin_object();
    json.number("ago_ns", (now - made.at).count());
    json.text("queue",
              made.kind == decision_kind::gate_refused ? "admission" : name_of(made.queue));
    json.text("decision", name_of(made.kind));
    json.text("reason", made.reason);
    if (const auto known = names.find(made.other); known != names.end()) {
        json.text("for", known->second);
    }
    json.number("lasted_ns", made.lasted.count());
    json.number("lag_ns", made.lag.count());
    json.number("value", made.value);
    json.number("bound", made.bound);
    json.end_object();
}

double figure_of(const runtime& in, const tenant& of, const tenant_window& window,
                 tenant_order by) {
    const tenant_sums did = window.of(of.id());
    switch (by) {
        case tenant_order::cpu:
            return did[tenant_figure::cpu_ns];
        case tenant_order::compute:
            return did[tenant_figure::burned_ns];
        case tenant_order::wait:
            return did[tenant_figure::wait_ns];
        case tenant_order::throttled:
            return did[tenant_figure::throttled_ns];
        case tenant_order::blocking:
            return did[tenant_figure::blocking_ns];
        case tenant_order::disk:
            return did[tenant_figure::disk_bytes];
        case tenant_order::io:
            return did[tenant_figure::io_bytes];
        case tenant_order::depth: {
            const auto [async, compute, blocking, disk] = of.record().queued();
            return static_cast<double>(async + compute + blocking + disk);
        }
        case tenant_order::lag:
            return lag_seconds(in, of);
        case tenant_order::oldest:
            return oldest_wait_seconds(in, of);
        case tenant_order::satisfaction:
            return has_demand(did, window.length) ? -satisfaction_of(did)
                                                  : -std::numeric_limits<double>::max();
        case tenant_order::tasks:
            break;
    }
    return static_cast<double>(of.record().tasks());
}

struct ranked {
    tenant who;
    double figure = 0;
};

// The first `asked.top` of all; ties by age.
std::vector<ranked> rank(runtime& in, const tenant_query& asked, const tenant_window& window) {
    std::vector<ranked> all;
    in.tenants().for_each([&](const tenant& each) {
        all.push_back({each, figure_of(in, each, window, asked.sort)});
    });
    const std::size_t count = std::min(asked.top, all.size());
    std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(count),
                              [](const ranked& a, const ranked& b) {
                                  return a.figure != b.figure ? a.figure > b.figure
                                                              : a.who.id() < b.who.id();
                              });
    all.resize(count);
    return all;
}

names_of_shares names_in(runtime& of) {
    names_of_shares names;
    of.tenants().for_each(
        [&names](const tenant& each) { names.emplace(&each.record().share(), each.name()); });
    return names;
}

void write_saturation(json_writer& json, const saturation_state& seen) {
    json.begin_object("saturation");
    json.number("process", seen.process);
    json.text("cause", name_of(seen.cause));
    json.boolean("over", seen.is_over);
    json.number("delay_max_ns", static_cast<std::int64_t>(seen.delay_max.count()));
    json.begin_object("resources");
    for (std::size_t i = 0; i < resources; ++i) {
        json.number(name_of(static_cast<resource>(i)), seen.level[i]);
    }
    json.end_object();
    json.end_object();
}

}  // namespace

std::string tenants_json(runtime& of) {
    std::string out;
    json_writer json(out);
    json.begin_object();
    json.begin_array("tenants");
    const names_of_shares names = names_in(of);
    of.tenants().for_each([&](const tenant& each) { write_tenant(json, of, each, names); });
    json.end_array();
    json.end_object();
    out.push_back('\n');
    return out;
}

std::string tenants_json(runtime& of, const tenant_query& asked, const tenant_window& window) {
    std::string out;
    json_writer json(out);
    json.begin_object();
    json.text("sort", name_of(asked.sort));
    json.number("window_ns", window.length.count());
    json.begin_array("tenants");
    const names_of_shares names = names_in(of);
    for (const ranked& each : rank(of, asked, window)) {
        write_tenant(json, of, each.who, names, &window);
    }
    json.end_array();
    json.end_object();
    out.push_back('\n');
    return out;
}

std::string tenant_json(runtime& of, const tenant& whom, const tenant_window& window) {
    std::string out;
    json_writer json(out);
    const names_of_shares names = names_in(of);
    json.begin_object();
    json.number("window_ns", window.length.count());
    json.begin_array("tenants");
    write_tenant(json, of, whom, names, &window);
    json.end_array();
    json.begin_array("decisions");
    const std::vector<decision> made = of.decisions_of(whom);
    const instant now = of.now();
    for (const decision& each : made) {
        write_decision(json, each, now, names);
    }
    json.end_array();
    json.end_object();
    out.push_back('\n');
    return out;
}

std::string runtime_json(runtime& of, const fairness_figures* fair) {
    const runtime_stats seen = of.stats();
    std::string out;
    json_writer json(out);
    json.begin_object();
    json.text("io", of.io_name());
    json.number("tenants", of.tenants().size());
    json.number("tasks_alive", seen.tasks_alive);
    json.number("queued", seen.queued);
    json.number("hand_overs", seen.hand_overs);
    json.number("hand_overs_without_permit", seen.hand_overs_without_permit);
    json.number("stalls", seen.stalls);
    json.number("burning_threads", seen.burning_threads);
    json.number("compute_threads", seen.compute_threads);
    json.number("compute_queued", seen.compute_queued);
    json.number("blocking_threads", seen.blocking_threads);
    json.number("blocking_queued", seen.blocking_queued);
    json.number("disk_queued", seen.disk_queued);
    json.number("disk_in_flight", seen.disk_in_flight);
    json.number("worker_wall_ns", seen.worker_wall.count());
    json.number("worker_own_ns", seen.worker_own.count());
    json.number("worker_idle_ns", seen.worker_idle.count());
    json.number("worker_lost_ns", seen.worker_lost.count());
    write_saturation(json, of.saturation());
    if (fair != nullptr) {
        write_fairness(json, *fair);
    }
    json.end_object();
    out.push_back('\n');
    return out;
}

}  // namespace drama::inline v0
