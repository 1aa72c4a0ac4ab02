// SPDX-License-Identifier: Apache-2.0
#include "demo_report.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>

#include "drama/admin/json_writer.hpp"
#include "span_text.hpp"

namespace drama::cli {
namespace {

std::string number(double value, int digits) {
    std::array<char, 32> text;
    const int size = std::snprintf(text.data(), text.size(), "%.*f", digits, value);
    return {text.data(), static_cast<std::size_t>(size)};
}

// The host may have taken so much CPU that no segment counts: there is no figure then.
constexpr double no_figure = std::numeric_limits<double>::quiet_NaN();

std::string time_at(const pooled_latency& of, double share) {
    return of.is_measured() ? span_text(of.at(share) * 1000) : "a time not measured";
}

std::string three(const pooled_latency& of) {
    if (!of.is_measured()) {
        return "not measured";
    }
    return time_at(of, 0.5) + " / " + time_at(of, 0.99) + " / " + time_at(of, 0.999);
}

std::string line_of(const std::array<std::string, 7>& cells) {
    constexpr std::array<int, 7> widths{9, 7, 8, 27, 27, 8, 18};
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const auto width = static_cast<std::size_t>(widths[i]);
        line.append("  ").append(cells[i]);
        line.append(width > cells[i].size() ? width - cells[i].size() : 0, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    return line + "\n";
}

std::string ratio_of(const demo_row& row) {
    return std::isnan(row.p99_ratio()) ? "-" : number(row.p99_ratio(), 2);
}

std::string neighbour_of(const demo_row& row) {
    if (!row.has_neighbour_figures) {
        return "-";
    }
    const auto rate = [](const pooled_latency& beside, double per_s) {
        return beside.is_measured() ? number(per_s, 0) : "-";
    };
    return rate(row.victim, row.neighbour_together_per_s) + " of " +
           rate(row.alone, row.neighbour_alone_per_s);
}

std::string order_text(std::string_view policy) {
    if (policy == "fair") {
        return "in drama's fair order";
    }
    if (policy == "own") {
        return "in that server's own order";
    }
    return policy == "fifo" ? "first come, first served" : "so and without drama's hand-over";
}

void write_latency(json_writer& json, std::string_view key, const pooled_latency& of) {
    json.begin_object(key);
    for (const auto& [name, share] :
         {std::pair("p50_us", 0.5), std::pair("p99_us", 0.99), std::pair("p999_us", 0.999)}) {
        json.number(name, of.is_measured() ? of.at(share) : no_figure);  // null without one
    }
    json.number("samples", of.samples_ns.count());
    json.end_object();
}

}  // namespace

double pooled_latency::at(double share) const {
    return static_cast<double>(samples_ns.at(share)) / 1000;
}

double demo_row::p99_ratio() const {
    const double before = alone.at(0.99);
    return before > 0 && victim.is_measured() ? victim.at(0.99) / before : no_figure;
}

std::string table_of(std::span<const demo_row> rows) {
    std::string table = line_of({"neighbour", "policy", "backend", "alone p50/p99/p99.9",
                                 "together p50/p99/p99.9", "p99 x", "neighbour /s"});
    for (const demo_row& row : rows) {
        table += line_of({row.scenario, row.policy, row.backend, three(row.alone),
                          three(row.victim), ratio_of(row), neighbour_of(row)});
    }
    return table;
}

std::string json_of(const demo_row& row) {
    std::string out;
    json_writer json(out);
    json.begin_object();
    json.text("system", row.system);
    json.text("scenario", row.scenario);
    json.text("policy", row.policy);
    json.text("backend", row.backend);
    write_latency(json, "alone", row.alone);
    write_latency(json, "victim", row.victim);
    json.number("p99_ratio", row.p99_ratio());
    if (row.has_neighbour_figures) {
        json.begin_object("neighbour");
        json.number("alone_per_s", row.neighbour_alone_per_s);
        json.number("together_per_s", row.neighbour_together_per_s);
        json.end_object();
    } else {
        json.null("neighbour");
    }
    json.number("dropped_segments", row.dropped_segments);
    json.number("errors", row.errors);
    json.number("client_late_p99_us", row.late_p99_us);
    // Without a figure it is null.
    json.number("tokio_alone_p99_us", row.tokio_alone_p99_us.value_or(no_figure));
    json.end_object();
    return out;
}

std::string meaning_of(std::span<const demo_row> rows) {
    std::string sentence;
    std::string scenario;
    for (const demo_row& row : rows) {
        if (row.backend != rows.front().backend) {
            continue;  // the other backend says the same again
        }
        const bool is_new = row.scenario != scenario;
        scenario = row.scenario;
        if (is_new) {
            sentence += sentence.empty() ? "Next to '" : "; next to '";
            sentence += scenario + "' a small tenant's slowest request in a hundred takes ";
        } else {
            sentence += ", ";
        }
        sentence += time_at(row.victim, 0.99) + " " + order_text(row.policy) + " (" +
                    time_at(row.alone, 0.99) + " alone)";
    }
    return sentence + ".\n";
}

}  // namespace drama::cli
