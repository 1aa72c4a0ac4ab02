// SPDX-License-Identifier: Apache-2.0
#include "top/top_sample.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>
#include <utility>

#include <nlohmann/json.hpp>

namespace drama::cli {
namespace {

using nlohmann::json;

// What an older or newer server does not tell is zero; what has another type is an error.
template <class Number>
Number number_at(const json& in, const char* key) {
    return in.value(key, Number{});
}

window_sample window_in(const json& from) {
    const auto satisfaction = from.find("satisfaction");
    const bool is_known = satisfaction != from.end() && satisfaction->is_number();
    return {.cpu_ns = number_at<std::uint64_t>(from, "cpu_ns"),
            .burned_ns = number_at<std::uint64_t>(from, "burned_ns"),
            .wait_ns = number_at<std::uint64_t>(from, "wait_ns"),
            .throttled_ns = number_at<std::uint64_t>(from, "throttled_ns"),
            .blocking_ns = number_at<std::uint64_t>(from, "blocking_ns"),
            .disk_bytes = number_at<std::uint64_t>(from, "disk_bytes"),
            .io_bytes = number_at<std::uint64_t>(from, "io_bytes"),
            .tasks_ended = number_at<std::uint64_t>(from, "tasks_ended"),
            .refused = number_at<std::uint64_t>(from, "refused"),
            .satisfaction = is_known ? std::optional(satisfaction->get<double>()) : std::nullopt};
}

tenant_sample tenant_in(const json& from) {
    tenant_sample made;
    made.name = from.at("name").get<std::string>();
    made.weight = from.at("weight").get<double>();
    made.cpu_ns = from.at("cpu_ns").get<std::uint64_t>();
    made.burned_ns = number_at<std::uint64_t>(from, "burned_ns");
    made.blocking_ns = number_at<std::uint64_t>(from, "blocking_ns");
    made.wait_ns = number_at<std::uint64_t>(from, "queue_wait_ns") +
                   number_at<std::uint64_t>(from, "pool_wait_ns");
    made.tasks_ended = number_at<std::uint64_t>(from, "tasks_ended");
    made.refused = number_at<std::uint64_t>(from, "refused");
    made.stalls = number_at<std::uint64_t>(from, "stalls");
    made.tasks = number_at<std::int64_t>(from, "tasks");
    if (const auto depth = from.find("depth"); depth != from.end()) {
        made.queued_async = number_at<std::uint64_t>(*depth, "async");
        made.queued_compute = number_at<std::uint64_t>(*depth, "compute");
        made.queued_blocking = number_at<std::uint64_t>(*depth, "blocking");
        made.queued_disk = number_at<std::uint64_t>(*depth, "disk");
    }
    made.lag_ns = from.value("lag_ns", std::map<std::string, std::int64_t>());
    made.oldest_ns = from.value("oldest_ns", std::map<std::string, std::int64_t>());
    if (const auto holds = from.find("holds"); holds != from.end()) {
        made.holds = holds_in(*holds);
    }
    if (const auto window = from.find("window"); window != from.end()) {
        made.window = window_in(*window);
    }
    if (const auto operations = from.find("operations"); operations != from.end()) {
        for (const auto& each : operations->items()) {
            made.operations += number_at<std::uint64_t>(each.value(), "count");
            const auto bytes = number_at<std::uint64_t>(each.value(), "bytes");
            made.operation_bytes += bytes;
            made.disk_bytes += each.key().ends_with("_at") ? bytes : 0;
        }
    }
    return made;
}

fairness_sample fairness_in(const json& from) {
    return {.tenants = number_at<std::uint64_t>(from, "tenants"),
            .jain = from.at("jain").get<double>(),
            .victims = number_at<std::uint64_t>(from, "victims"),
            .lag_max = static_cast<double>(number_at<std::int64_t>(from, "lag_max_ns")) / 1e9,
            .lag_max_name = from.value("lag_max_tenant", std::string())};
}

runtime_sample runtime_in(const json& from) {
    runtime_sample made;
    made.io = from.at("io").get<std::string>();
    made.tasks = number_at<std::int64_t>(from, "tasks_alive");
    made.queued_async = number_at<std::uint64_t>(from, "queued");
    made.queued_compute = number_at<std::uint64_t>(from, "compute_queued");
    made.queued_blocking = number_at<std::uint64_t>(from, "blocking_queued");
    made.compute_threads = number_at<std::uint64_t>(from, "compute_threads");
    made.blocking_threads = number_at<std::uint64_t>(from, "blocking_threads");
    made.stalls = number_at<std::uint64_t>(from, "stalls");
    made.hand_overs = number_at<std::uint64_t>(from, "hand_overs");
    if (const auto fairness = from.find("fairness"); fairness != from.end()) {
        made.fairness = fairness_in(*fairness);
    }
    const json& saturation = from.at("saturation");
    made.saturation = saturation.at("process").get<double>();
    made.cause = saturation.at("cause").get<std::string>();
    made.is_over = saturation.at("over").get<bool>();
    for (const auto& each : saturation.at("resources").items()) {
        made.resources.emplace_back(each.key(), each.value().get<double>());
    }
    return made;
}

double rate(std::uint64_t before, std::uint64_t after, double seconds) {
    return static_cast<double>(std::max(before, after) - before) / seconds;
}

void take_window(tenant_row& into, const window_sample& of, double seconds) {
    into.cores = rate(0, of.cpu_ns, seconds) / 1e9;
    into.waiting = rate(0, of.wait_ns, seconds) / 1e9;
    into.tasks_ended = rate(0, of.tasks_ended, seconds);
    into.wait_us = into.tasks_ended > 0 ? into.waiting * 1e6 / into.tasks_ended : 0;
    into.refused = rate(0, of.refused, seconds);
    into.burned = rate(0, of.burned_ns, seconds) / 1e9;
    into.blocking = rate(0, of.blocking_ns, seconds) / 1e9;
    into.disk_bytes = rate(0, of.disk_bytes, seconds);
    into.bytes = rate(0, of.io_bytes, seconds);
    into.holds.throttled = rate(0, of.throttled_ns, seconds) / 1e9;
}

tenant_row row_between(const tenant_sample& before, const tenant_sample& after, double seconds) {
    tenant_row made;
    made.name = after.name;
    made.weight = after.weight;
    made.cores = rate(before.cpu_ns, after.cpu_ns, seconds) / 1e9;
    made.waiting = rate(before.wait_ns, after.wait_ns, seconds) / 1e9;
    made.tasks_ended = rate(before.tasks_ended, after.tasks_ended, seconds);
    made.wait_us = made.tasks_ended > 0 ? made.waiting * 1e6 / made.tasks_ended : 0;
    made.refused = rate(before.refused, after.refused, seconds);
    made.burned = rate(before.burned_ns, after.burned_ns, seconds) / 1e9;
    made.blocking = rate(before.blocking_ns, after.blocking_ns, seconds) / 1e9;
    made.disk_bytes = rate(before.disk_bytes, after.disk_bytes, seconds);
    made.holds = holds_between(before.holds, after.holds, seconds);
    for (const auto& each : after.lag_ns) {
        const double lag = after.lag_of(each.first);
        made.lag = std::abs(lag) > std::abs(made.lag) ? lag : made.lag;
    }
    for (const auto& each : after.oldest_ns) {
        made.oldest = std::max(made.oldest, after.oldest_of(each.first));
    }
    made.stalls = rate(before.stalls, after.stalls, seconds);
    made.operations = rate(before.operations, after.operations, seconds);
    made.bytes = rate(before.operation_bytes, after.operation_bytes, seconds);
    made.tasks = after.tasks;
    made.queued_async = after.queued_async;
    made.queued_compute = after.queued_compute;
    made.queued_blocking = after.queued_blocking;
    made.queued_disk = after.queued_disk;
    return made;
}

double seconds_at(const std::map<std::string, std::int64_t>& of, const std::string& queue) {
    const auto found = of.find(queue);
    return found == of.end() ? 0 : static_cast<double>(found->second) / 1e9;
}

}  // namespace

double tenant_sample::oldest_of(const std::string& queue) const {
    return seconds_at(oldest_ns, queue);
}

double tenant_sample::lag_of(const std::string& queue) const {
    return seconds_at(lag_ns, queue);
}

double figure_of(const tenant_row& row, top_order order) noexcept {
    switch (order) {
        case top_order::depth:
            return static_cast<double>(row.depth());
        case top_order::wait:
            return row.waiting;
        case top_order::throttled:
            return row.holds.throttled;
        case top_order::compute:
            return row.burned;
        case top_order::blocking:
            return row.blocking;
        case top_order::disk:
            return row.disk_bytes;
        case top_order::io:
            return row.bytes;
        case top_order::lag:
            return row.lag;
        case top_order::oldest:
            return row.oldest;
        case top_order::cpu:
            break;
    }
    return row.cores;
}

std::string_view name_of(top_order order) noexcept {
    constexpr std::array<std::string_view, top_orders> names{
        "cpu", "depth", "wait", "throttled", "compute", "blocking", "disk", "io", "lag", "oldest"};
    return names[static_cast<std::size_t>(order)];
}

top_order order_named(std::string_view name) noexcept {
    for (std::size_t i = 0; i != top_orders; ++i) {
        if (name_of(static_cast<top_order>(i)) == name) {
            return static_cast<top_order>(i);
        }
    }
    return top_order::cpu;
}

heaviest heaviest_of(const std::vector<tenant_row>& rows, top_order by) noexcept {
    heaviest found;
    double most = 0;
    double all = 0;
    for (const tenant_row& each : rows) {
        const double figure = figure_of(each, by);
        all += figure;
        if (figure > most) {
            found.row = &each;
            most = figure;
        }
    }
    found.share = all > 0 ? most / all : 0;
    return found;
}

void write_holds(json_writer& json, const hold_rows& of) {
    json.number("throttled_s_per_s", of.throttled);
    json.number("throttled_items", of.items);
    json.begin_array("holds");
    for (const hold_row& each : of.holds) {
        json.begin_object();
        json.text("queue", each.queue);
        json.text("cause", each.cause);
        json.boolean("throttled", each.is_throttling());
        json.number("s_per_s", each.seconds);
        json.end_object();
    }
    json.end_array();
    json.begin_array("beneficiaries");
    for (const auto& [name, seconds] : of.beneficiaries) {
        json.begin_object();
        json.text("tenant", name);
        json.number("s_per_s", seconds);
        json.end_object();
    }
    json.end_array();
}

std::expected<top_sample, std::string> read_sample(std::string_view tenants,
                                                   std::string_view process, instant at) {
    try {
        top_sample made;
        made.at = at;
        made.process = runtime_in(json::parse(process));
        const json answer = json::parse(tenants);
        made.window = static_cast<double>(number_at<std::uint64_t>(answer, "window_ns")) / 1e9;
        for (const json& each : answer.at("tenants")) {
            made.tenants.emplace(each.at("id").get<std::uint64_t>(), tenant_in(each));
        }
        return made;
    } catch (const json::exception& wrong) {
        return std::unexpected(std::string("not the answer of a drama runtime: ") + wrong.what());
    }
}

std::vector<tenant_row> rows_between(const top_sample& before, const top_sample& after,
                                     top_order order) {
    const double seconds =
        std::max(1e-9, std::chrono::duration<double>(after.at - before.at).count());
    std::vector<tenant_row> rows;
    double cores = 0;
    for (const auto& [id, now] : after.tenants) {
        const auto old = before.tenants.find(id);  // who is new has done all of it since
        rows.push_back(
            row_between(old == before.tenants.end() ? tenant_sample{} : old->second, now, seconds));
        rows.back().satisfaction = now.window ? now.window->satisfaction : std::nullopt;
        if (now.window && after.window > 0) {
            take_window(rows.back(), *now.window, after.window);
        }
        cores += rows.back().cores;
    }
    for (tenant_row& each : rows) {
        each.share = cores > 0 ? each.cores / cores : 0;
    }
    std::sort(rows.begin(), rows.end(), [order](const tenant_row& a, const tenant_row& b) {
        return std::tuple(-figure_of(a, order), std::string_view(a.name)) <
               std::tuple(-figure_of(b, order), std::string_view(b.name));
    });
    return rows;
}

}  // namespace drama::cli
