// SPDX-License-Identifier: Apache-2.0
#include "top/top_view.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "drama/admin/json_writer.hpp"
#include "span_text.hpp"

namespace drama::cli {
namespace {

constexpr int name_width = 20;
constexpr int bar_width = 10;

template <class... Arguments>
std::string print(const char* format, Arguments... arguments) {
    std::array<char, 256> text;
    const int size = std::snprintf(text.data(), text.size(), format, arguments...);
    return {text.data(), std::min(static_cast<std::size_t>(size), text.size() - 1)};
}

unsigned long long whole(std::uint64_t number) {
    return number;
}

/// 950, 12k, 3.4M, 1.2G: at most five columns below 10^15.
std::string count_text(double number) {
    constexpr std::array units{"", "k", "M", "G", "T"};
    std::size_t unit = 0;
    while (unit + 1 < units.size() && number >= 999.5) {
        number /= 1000;
        ++unit;
    }
    const bool is_small = number < 9.95 && number != std::floor(number);
    return print("%.*f%s", is_small ? 1 : 0, number, units[unit]);
}

std::string bar_of(double level) {
    const auto filled =
        static_cast<std::size_t>(std::lround(std::clamp(level, 0.0, 1.0) * bar_width));
    return "[" + std::string(filled, '#') + std::string(bar_width - filled, ' ') + "]";
}

std::string shown_name(const std::string& name) {
    std::string shown = name.substr(0, name_width);
    std::replace_if(
        shown.begin(), shown.end(), [](char each) { return each < ' ' || each > '~'; }, '?');
    return shown;
}

void write_process(json_writer& json, const runtime_sample& of) {
    json.begin_object("runtime");
    json.text("io", of.io);
    json.number("tasks", of.tasks);
    json.begin_object("depth");
    json.number("async", of.queued_async);
    json.number("compute", of.queued_compute);
    json.number("blocking", of.queued_blocking);
    json.end_object();
    json.number("compute_threads", of.compute_threads);
    json.number("blocking_threads", of.blocking_threads);
    json.number("stalls", of.stalls);
    json.number("hand_overs", of.hand_overs);
    if (of.fairness) {
        json.begin_object("fairness");
        json.number("tenants", of.fairness->tenants);
        json.number("jain", of.fairness->jain);
        json.number("victims", of.fairness->victims);
        json.number("lag_max_s", of.fairness->lag_max);
        json.text("lag_max_tenant", of.fairness->lag_max_name);
        json.end_object();
    }
    json.begin_object("saturation");
    json.number("process", of.saturation);
    json.text("cause", of.cause);
    json.boolean("over", of.is_over);
    json.begin_object("resources");
    for (const auto& [name, level] : of.resources) {
        json.number(name, level);
    }
    json.end_object();
    json.end_object();
    json.end_object();
}

void write_row(json_writer& json, const tenant_row& of) {
    json.begin_object();
    json.text("tenant", of.name);
    json.number("weight", of.weight);
    json.number("cpu_cores", of.cores);
    json.number("cpu_share", of.share);
    json.begin_object("depth");
    json.number("async", of.queued_async);
    json.number("compute", of.queued_compute);
    json.number("blocking", of.queued_blocking);
    json.number("disk", of.queued_disk);
    json.end_object();
    json.number("tasks", of.tasks);
    json.number("wait_s_per_s", of.waiting);
    json.number("wait_us_per_task", of.wait_us);
    json.number("tasks_ended_per_s", of.tasks_ended);
    json.number("refused_per_s", of.refused);
    write_holds(json, of.holds);
    json.number("lag_s", of.lag);
    if (of.satisfaction) {
        json.number("satisfaction", *of.satisfaction);
    } else {
        json.null("satisfaction");
    }
    json.number("oldest_s", of.oldest);
    json.number("burned_cores", of.burned);
    json.number("blocking_threads", of.blocking);
    json.number("disk_bytes_per_s", of.disk_bytes);
    json.number("stalls_per_s", of.stalls);
    json.number("io_operations_per_s", of.operations);
    json.number("io_bytes_per_s", of.bytes);
    json.end_object();
}

void write_heaviest(json_writer& json, const std::vector<tenant_row>& rows) {
    json.begin_object("heaviest");
    for (std::size_t i = 0; i != top_weights; ++i) {
        const auto by = static_cast<top_order>(i);
        if (const heaviest found = heaviest_of(rows, by); found.row != nullptr) {
            json.begin_object(name_of(by));
            json.text("tenant", found.row->name);
            json.number("value", figure_of(*found.row, by));
            json.number("share", found.share);
            json.end_object();
        }
    }
    json.end_object();
}

/// What throttled it most and who was served meanwhile: "kept_thread>victim"; "-" for nothing.
std::string cause_text(const hold_rows& of) {
    const hold_row* const worst = of.worst();
    if (worst == nullptr || worst->seconds < 0.0005) {
        return "-";
    }
    return worst->cause +
           (of.beneficiaries.empty() ? "" : ">" + shown_name(of.beneficiaries.front().first));
}

/// With its sign; "-" for nothing.
std::string lag_text(double seconds) {
    return seconds == 0 ? "-" : (seconds < 0 ? "-" : "+") + span_text(std::abs(seconds) * 1e9);
}

std::string fairness_text(const fairness_sample& of) {
    std::string made = print("  fair %.2f (Jain) among %llu, victims %llu", of.jain,
                             whole(of.tenants), whole(of.victims));
    if (of.lag_max > 0) {
        made += print(", owed at most %s (%s)", span_text(of.lag_max * 1e9).c_str(),
                      shown_name(of.lag_max_name).c_str());
    }
    return made;
}

std::string satisfaction_text(const std::optional<double>& of) {
    return of ? print("%.0f%%", 100 * std::min(*of, 99.99)) : "-";
}

}  // namespace

top_view top_view::between(std::string address, const top_sample& before, const top_sample& after,
                           top_order order) {
    return {.address = std::move(address),
            .seconds = after.window > 0
                           ? after.window
                           : std::chrono::duration<double>(after.at - before.at).count(),
            .order = order,
            .process = after.process,
            .rows = rows_between(before, after, order)};
}

std::vector<std::string> top_view::head() const {
    std::string levels;
    for (const auto& [name, level] : process.resources) {
        levels += (levels.empty() ? "" : "  ") + name + " " + bar_of(level);
    }
    const std::string over = process.is_over ? ", refusing work" : "";
    return {
        print("drama top  %s  io %s  %zu tenants  %lld tasks  queued %llu async, %llu compute, "
              "%llu blocking",
              address.substr(0, 64).c_str(), process.io.c_str(), rows.size(),
              static_cast<long long>(process.tasks), whole(process.queued_async),
              whole(process.queued_compute), whole(process.queued_blocking)),
        print(
            "threads %llu compute, %llu blocking  hand-overs %llu  stalls %llu  over %.1f s by %s",
            whole(process.compute_threads), whole(process.blocking_threads),
            whole(process.hand_overs), whole(process.stalls), seconds,
            std::string(name_of(order)).c_str()),
        print("saturation %.2f by %s%s%s", process.saturation, process.cause.c_str(), over.c_str(),
              process.fairness ? fairness_text(*process.fairness).c_str() : ""),
        levels};
}

std::string top_view::titles() const {
    return print("%-*s %5s %6s %5s %5s %17s %6s %7s %8s %8s %8s %6s %6s %6s %6s %6s  %s",
                 name_width, "TENANT", "WT", "CPU", "SHARE", "SATIS", "QUEUED a/c/b/d", "TASKS",
                 "WAITING", "WAIT/TSK", "OLDEST", "LAG", "DONE/s", "REF/s", "IO/s", "IOB/s",
                 "THROT", "CAUSE>FOR");
}

std::string top_view::line_of(const tenant_row& row) {
    const std::string depths = count_text(static_cast<double>(row.queued_async)) + "/" +
                               count_text(static_cast<double>(row.queued_compute)) + "/" +
                               count_text(static_cast<double>(row.queued_blocking)) + "/" +
                               count_text(static_cast<double>(row.queued_disk));
    return print(
        "%-*s %5.4g %6.3f %4.0f%% %5s %17s %6s %7.2f %8s %8s %8s %6s %6s %6s %6s %6.3f  %s",
        name_width, shown_name(row.name).c_str(), row.weight, row.cores, 100 * row.share,
        satisfaction_text(row.satisfaction).c_str(), depths.c_str(),
        count_text(static_cast<double>(row.tasks)).c_str(), row.waiting,
        span_text(row.wait_us * 1000).c_str(), span_text(row.oldest * 1e9).c_str(),
        lag_text(row.lag).c_str(), count_text(row.tasks_ended).c_str(),
        count_text(row.refused).c_str(), count_text(row.operations).c_str(),
        count_text(row.bytes).c_str(), row.holds.throttled, cause_text(row.holds).c_str());
}

std::string top_view::text() const {
    std::string all;
    for (const std::string& line : head()) {
        all += line + "\n";
    }
    all += titles() + "\n";
    for (const tenant_row& row : rows) {
        all += line_of(row) + "\n";
    }
    return all;
}

std::string top_view::json() const {
    std::string out;
    json_writer json(out);
    json.begin_object();
    json.text("schema", "drama.top/1");
    json.text("address", address);
    json.number("seconds", seconds);
    json.text("sort", name_of(order));
    write_process(json, process);
    write_heaviest(json, rows);
    json.begin_array("tenants");
    for (const tenant_row& row : rows) {
        write_row(json, row);
    }
    json.end_array();
    json.end_object();
    return out + "\n";
}

}  // namespace drama::cli
