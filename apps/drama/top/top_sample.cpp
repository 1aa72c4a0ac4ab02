// SPDX-License-Identifier: Apache-2.0
#include "top/top_sample.hpp"

#include <algorithm>
#include <array>
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

tenant_sample tenant_in(const json& from) {
    tenant_sample made;
    made.name = from.at("name").get<std::string>();
    made.weight = from.at("weight").get<double>();
    made.cpu_ns = from.at("cpu_ns").get<std::uint64_t>();
    made.wait_ns = number_at<std::uint64_t>(from, "queue_wait_ns") +
                   number_at<std::uint64_t>(from, "pool_wait_ns");
    made.tasks_ended = number_at<std::uint64_t>(from, "tasks_ended");
    made.refused = number_at<std::uint64_t>(from, "refused");
    made.throttled_ns = number_at<std::uint64_t>(from, "throttled_ns");
    made.stalls = number_at<std::uint64_t>(from, "stalls");
    made.tasks = number_at<std::int64_t>(from, "tasks");
    if (const auto depth = from.find("depth"); depth != from.end()) {
        made.queued_async = number_at<std::uint64_t>(*depth, "async");
        made.queued_compute = number_at<std::uint64_t>(*depth, "compute");
        made.queued_blocking = number_at<std::uint64_t>(*depth, "blocking");
    }
    if (const auto operations = from.find("operations"); operations != from.end()) {
        for (const auto& each : operations->items()) {
            made.operations += number_at<std::uint64_t>(each.value(), "count");
            made.operation_bytes += number_at<std::uint64_t>(each.value(), "bytes");
        }
    }
    return made;
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

tenant_row row_between(const tenant_sample& before, const tenant_sample& after, double seconds) {
    tenant_row made;
    made.name = after.name;
    made.weight = after.weight;
    made.cores = rate(before.cpu_ns, after.cpu_ns, seconds) / 1e9;
    made.waiting = rate(before.wait_ns, after.wait_ns, seconds) / 1e9;
    made.tasks_ended = rate(before.tasks_ended, after.tasks_ended, seconds);
    made.wait_us = made.tasks_ended > 0 ? made.waiting * 1e6 / made.tasks_ended : 0;
    made.refused = rate(before.refused, after.refused, seconds);
    made.throttled = rate(before.throttled_ns, after.throttled_ns, seconds) / 1e9;
    made.stalls = rate(before.stalls, after.stalls, seconds);
    made.operations = rate(before.operations, after.operations, seconds);
    made.bytes = rate(before.operation_bytes, after.operation_bytes, seconds);
    made.tasks = after.tasks;
    made.queued_async = after.queued_async;
    made.queued_compute = after.queued_compute;
    made.queued_blocking = after.queued_blocking;
    return made;
}

double figure_of(const tenant_row& row, top_order order) {
    switch (order) {
        case top_order::depth:
            return static_cast<double>(row.depth());
        case top_order::wait:
            return row.waiting;
        default:
            return row.cores;
    }
}

}  // namespace

std::string_view name_of(top_order order) noexcept {
    constexpr std::array<std::string_view, 3> names{"cpu", "depth", "wait"};
    return names[static_cast<std::size_t>(order)];
}

std::expected<top_sample, std::string> read_sample(std::string_view tenants,
                                                   std::string_view process, instant at) {
    try {
        top_sample made;
        made.at = at;
        made.process = runtime_in(json::parse(process));
        const json answer = json::parse(tenants);
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
