// SPDX-License-Identifier: Apache-2.0
#include "replay/report/replay_report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "drama/admin/json_writer.hpp"
#include "figures_text.hpp"
#include "load/plot.hpp"
#include "span_text.hpp"

namespace drama::cli {
namespace {

using row = std::vector<std::string>;

template <class Value>
std::string printed(const char* format, Value value) {
    std::array<char, 64> text;
    std::snprintf(text.data(), text.size(), format, value);
    return text.data();
}

std::string span_of(double ns) {
    return ns < 0 ? "-" + span_text(-ns) : span_text(ns);
}

std::string at(const histogram& of, double share) {
    return of.is_empty() ? "-" : span_of(static_cast<double>(of.at(share)));
}

row row_of(const std::string& order, const tenant_plan& plan, const replay_line& line) {
    const replay_figures& all = line.all;
    return {order,
            plan.count == 1 ? plan.name : plan.name + " x" + std::to_string(plan.count),
            printed("%.4f", all.dominant),
            printed("%.3f", line.part_least > 0 ? line.part_most / line.part_least : 0),
            std::to_string(all.finished),
            span_of(all.lag_fair_s.sigma() * 1e9),
            span_of(all.lag_fair_s.least() * 1e9),
            span_of(all.lag_fair_s.most() * 1e9),
            at(all.wait_ns, 0.5),
            at(all.wait_ns, 0.99),
            at(all.wait_ns, 0.999),
            at(all.response_ns, 0.99)};
}

void write_figures(json_writer& json, const replay_figures& of) {
    json.number("arrived", of.arrived);
    json.number("finished", of.finished);
    json.number("service_s", of.service_ns / 1e9);
    json.number("share", of.dominant);
    json.begin_object("lag_s");
    json.number("sigma", of.lag_fair_s.sigma());
    json.number("mean", of.lag_fair_s.mean());
    json.number("least", of.lag_fair_s.least());
    json.number("most", of.lag_fair_s.most());
    json.end_object();
    json.begin_object("lag_service_us");
    json.number("sigma", of.lag_ns.sigma() / 1000);
    json.number("least", of.lag_ns.least() / 1000);
    json.number("most", of.lag_ns.most() / 1000);
    json.end_object();
    write_histogram(json, "wait_us", of.wait_ns);
    write_histogram(json, "response_us", of.response_ns);
}

void write_result(json_writer& json, const workload& what, const replay_result& of) {
    json.begin_object();
    json.text("order", of.order);
    json.number("events", of.events);
    json.number("jain", of.jain);
    json.begin_array("utilisation");
    for (const double each : of.utilisation) {
        json.number(each);
    }
    json.end_array();
    json.begin_array("starts");  // [server, tenant]
    for (const replay_start& each : of.starts) {
        json.begin_array();
        json.number(each.server);
        json.text(each.tenant);
        json.end_array();
    }
    json.end_array();
    json.begin_array("lines");
    for (std::size_t i = 0; i != of.lines.size(); ++i) {
        json.begin_object();
        json.text("name", what.tenants[i].name);
        json.number("tenants", of.lines[i].tenants);
        json.number("share_least", of.lines[i].part_least);
        json.number("share_most", of.lines[i].part_most);
        write_figures(json, of.lines[i].all);
        json.end_object();
    }
    json.end_array();
    json.begin_array("tenants");
    for (const replay_tenant_figures& each : of.tenants) {
        json.begin_object();
        json.text("name", each.name);
        json.number("weight", each.weight);
        write_figures(json, each.figures);
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

// A cell of CSV: quoted where it must be.
std::string cell(const std::string& text) {
    if (text.find_first_of(",\"\n") == std::string::npos) {
        return text;
    }
    std::string quoted = "\"";
    for (const char each : text) {
        quoted += each == '"' ? "\"\"" : std::string(1, each);
    }
    return quoted + "\"";
}

std::string csv_row(const std::string& order, const std::string& name, double weight,
                    const replay_figures& of) {
    std::string line = cell(order) + "," + cell(name);
    for (const double each :
         {weight, of.dominant, static_cast<double>(of.finished), of.lag_fair_s.sigma(),
          of.lag_fair_s.least(), of.lag_fair_s.most(), microseconds(of.wait_ns.at(0.5)),
          microseconds(of.wait_ns.at(0.99)), microseconds(of.wait_ns.at(0.999)),
          microseconds(of.response_ns.at(0.5)), microseconds(of.response_ns.at(0.99))}) {
        line += "," + printed("%.9g", each);
    }
    return line + "\n";
}

}  // namespace

std::string replay_report::text() const {
    std::vector<row> rows{row{"order", "tenants", "share", "most/least", "finished", "lag sigma",
                              "lag least", "lag most", "wait p50", "p99", "p99.9", "response p99"}};
    for (const replay_result& each : results) {
        for (std::size_t i = 0; i != each.lines.size(); ++i) {
            rows.push_back(row_of(each.order, what->tenants[i], each.lines[i]));
        }
    }
    std::string head = "drama replay: " + what->name + ", " + printed("%g", what->seconds) +
                       " s after " + printed("%g", what->warm_up_seconds) + " s of warm-up, ";
    for (const queue_plan& each : what->queues) {
        head += std::to_string(each.servers) + " servers of " + each.name + ", ";
    }
    return head + "seed " + std::to_string(what->seed) + "\n" + table_of(rows, 2);
}

std::string replay_report::json() const {
    std::string out;
    json_writer json(out);
    json.begin_object();
    json.text("schema", "drama.replay/1");
    json.text("workload", what->name);
    json.number("seed", what->seed);
    json.number("seconds", what->seconds);
    json.number("warm_up_seconds", what->warm_up_seconds);
    json.begin_array("orders");
    for (const replay_result& each : results) {
        write_result(json, *what, each);
    }
    json.end_array();
    json.end_object();
    return out + "\n";
}

std::string replay_report::csv() const {
    std::string out =
        "order,tenant,weight,share,finished,lag_sigma_s,lag_least_s,lag_most_s,wait_p50_us,"
        "wait_p99_us,wait_p999_us,response_p50_us,response_p99_us\n";
    for (const replay_result& result : results) {
        for (const replay_tenant_figures& each : result.tenants) {
            out += csv_row(result.order, each.name, each.weight, each.figures);
        }
        for (std::size_t i = 0; result.tenants.empty() && i != result.lines.size(); ++i) {
            out += csv_row(result.order, what->tenants[i].name, what->tenants[i].weight,
                           result.lines[i].all);
        }
    }
    return out;
}

std::string replay_report::svg(const std::string& line) const {
    const auto found = std::find_if(what->tenants.begin(), what->tenants.end(),
                                    [&line](const auto& each) { return each.name == line; });
    const auto index = static_cast<std::size_t>(found - what->tenants.begin());
    const std::size_t shown = index == what->tenants.size() ? 0 : index;
    std::vector<plot_line> lines;
    for (const replay_result& each : results) {
        lines.push_back({each.order, &each.lines[shown].all.wait_ns});
    }
    return plot_svg("Wait of " + what->tenants[shown].name + " in " + what->name, lines);
}

}  // namespace drama::cli
