// SPDX-License-Identifier: Apache-2.0
#include "load/load_report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <system_error>

#include "drama/admin/json_writer.hpp"
#include "figures_text.hpp"
#include "load/plot.hpp"
#include "span_text.hpp"

namespace drama::cli {
namespace {

constexpr std::array<std::string_view, load_errors> error_names{"timeout", "closed", "malformed"};

std::string time_at(const histogram& of, double share) {
    return of.is_empty() ? "-" : span_text(static_cast<double>(of.at(share)));
}

using row = std::vector<std::string>;

row row_of(const std::string& name, const load_result& of) {
    std::array<char, 32> rate;
    std::snprintf(rate.data(), rate.size(), of.per_second() < 100 ? "%.1f" : "%.0f",
                  of.per_second());
    return {name,
            std::to_string(of.answered),
            rate.data(),
            std::to_string(of.failed()),
            time_at(of.latency_ns, 0.5),
            time_at(of.latency_ns, 0.9),
            time_at(of.latency_ns, 0.99),
            time_at(of.latency_ns, 0.999),
            time_at(of.latency_ns, 1)};
}

void add_problem(std::string& to, std::uint64_t count, const std::string& what) {
    if (count != 0) {
        to += "  " + std::to_string(count) + " " + what + "\n";
    }
}

std::string problems_of(const load_plan& plan, const load_result& total) {
    std::string text;
    for (const auto& [status, count] : total.bad_status) {
        add_problem(text, count, "answers with status " + std::to_string(status));
    }
    const auto error = [&total](load_error which) {
        return total.errors[static_cast<std::size_t>(which)];
    };
    add_problem(text, error(load_error::timeout), "requests without an answer in time");
    add_problem(text, error(load_error::closed), "requests whose connection ended");
    add_problem(text, error(load_error::malformed), "answers that are no HTTP");
    add_problem(text, total.refused, "connections refused");
    add_problem(text, total.unopened,
                "connections failed otherwise, the last one: " +
                    std::generic_category().message(static_cast<int>(total.connect_errno)));
    add_problem(text, total.dropped,
                "requests never sent, since as many as allowed were outstanding: the latencies "
                "are too good");
    add_problem(text, total.unfinished, "requests unfinished");
    const bool is_open = std::any_of(plan.groups.begin(), plan.groups.end(), [](const auto& each) {
        return each.law() != arrival_law::closed;
    });
    if (is_open) {
        text += "  late by the generator's own fault: p50 " + time_at(total.late_ns, 0.5) +
                ", p99 " + time_at(total.late_ns, 0.99) + ", most " + time_at(total.late_ns, 1) +
                "\n";
    }
    return text;
}

void write_result(json_writer& json, const load_result& of) {
    json.number("intended", of.intended);
    json.number("answered", of.answered);
    json.number("per_s", of.per_second());
    json.number("seconds", static_cast<double>(of.span_ns) / 1e9);
    json.number("dropped", of.dropped);
    json.number("unfinished", of.unfinished);
    json.number("connections", of.connects);
    json.begin_object("errors");
    for (std::size_t i = 0; i < load_errors; ++i) {
        json.number(error_names[i], of.errors[i]);
    }
    json.number("refused", of.refused);
    json.number("connect", of.unopened);
    json.begin_object("status");
    for (const auto& [status, count] : of.bad_status) {
        json.number(std::to_string(status), count);
    }
    json.end_object();
    json.end_object();
    write_histogram(json, "latency_us", of.latency_ns);
    write_histogram(json, "late_us", of.late_ns);
}

constexpr std::string_view law_name(arrival_law law) {
    constexpr std::array<std::string_view, 4> names{"closed", "fixed", "poisson", "bursts"};
    return names[static_cast<std::size_t>(law)];
}

void write_group(json_writer& json, const load_group& what, const load_result& of) {
    json.begin_object();
    json.text("name", what.name);
    json.text("method", what.method);
    json.text("path", what.path);
    json.text("tenant", what.tenant);
    json.number("tenants", what.tenant.empty() ? 0 : what.tenants);
    json.text("arrivals", law_name(what.law()));
    json.number("rate", what.rate);
    write_result(json, of);
    json.begin_array("percentiles");  // [share, microseconds]
    for (const double share : plot_shares(of.latency_ns.count())) {
        json.begin_array();
        json.number(share);
        json.number(microseconds(of.latency_ns.at(share)));
        json.end_array();
    }
    json.end_array();
    json.end_object();
}

}  // namespace

load_result load_report::total() const {
    load_result sum;
    for (const load_result& each : results) {
        sum.merge(each);
    }
    return sum;
}

std::string load_report::text() const {
    std::vector<row> rows{
        row{"group", "answered", "/s", "failed", "p50", "p90", "p99", "p99.9", "most"}};
    for (std::size_t i = 0; i < results.size(); ++i) {
        rows.push_back(row_of(plan->groups[i].name, results[i]));
    }
    const load_result sum = total();
    if (results.size() > 1) {
        rows.push_back(row_of("(all)", sum));
    }
    const std::string how_ended = is_interrupted ? ", interrupted" : "";
    return "drama load: " + std::string(plan->address()) + ", seed " + std::to_string(plan->seed) +
           how_ended + "\n" + table_of(rows, 1) + problems_of(*plan, sum);
}

std::string load_report::json() const {
    std::string out;
    json_writer json(out);
    json.begin_object();
    json.text("schema", "drama.load/1");
    json.text("target", plan->address());
    json.number("seed", plan->seed);
    json.number("threads", plan->threads);
    json.boolean("interrupted", is_interrupted);
    json.begin_object("total");
    write_result(json, total());
    json.end_object();
    json.begin_array("groups");
    for (std::size_t i = 0; i < results.size(); ++i) {
        write_group(json, plan->groups[i], results[i]);
    }
    json.end_array();
    json.end_object();
    return out + "\n";
}

std::string load_report::svg() const {
    std::vector<plot_line> lines;
    for (std::size_t i = 0; i < results.size(); ++i) {
        lines.push_back({plan->groups[i].name, &results[i].latency_ns});
    }
    return plot_svg("Latency of " + std::string(plan->address()) + ", from the intended time",
                    lines);
}

}  // namespace drama::cli
