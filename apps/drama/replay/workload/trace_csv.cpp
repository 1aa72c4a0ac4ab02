// SPDX-License-Identifier: Apache-2.0
#include "replay/workload/trace_csv.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <unordered_set>

namespace drama::cli {
namespace {

constexpr std::size_t none = std::string_view::npos;
constexpr std::array<std::string_view, 5> column_names{"at_us", "tenant", "cost_us", "class",
                                                       "weight"};
constexpr double us_max = 1e12;

std::optional<double> number_in(std::string_view text, double least, double most) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_whole = error == std::errc() && end == text.data() + text.size();
    return is_whole && value >= least && value <= most ? std::optional(value) : std::nullopt;
}

std::optional<work_class> class_in(std::string_view text) {
    for (std::size_t i = 0; i != work_classes; ++i) {
        if (text == name_of(static_cast<work_class>(i))) {
            return static_cast<work_class>(i);
        }
    }
    return std::nullopt;
}

duration of_us(double us) {
    return duration(std::llround(us * 1000));
}

}  // namespace

trace_csv::trace_csv(const std::string& file) : file_(file), in_(file) {
    std::fill(std::begin(places_), std::end(places_), none);
}

std::string trace_csv::wrong(const std::string& what) const {
    return file_ + ":" + std::to_string(number_) + ": " + what;
}

bool trace_csv::split() {
    do {
        if (!std::getline(in_, line_)) {
            return false;
        }
        ++number_;
        if (!line_.empty() && line_.back() == '\r') {
            line_.pop_back();
        }
    } while (line_.empty());
    cells_.clear();
    std::string_view left = line_;
    for (std::size_t comma = left.find(','); comma != none; comma = left.find(',')) {
        cells_.push_back(left.substr(0, comma));
        left.remove_prefix(comma + 1);
    }
    cells_.push_back(left);
    return true;
}

std::string trace_csv::read_head() {
    if (!in_.is_open() || !split()) {
        return file_ + ": cannot be read, or is empty";
    }
    for (std::size_t i = 0; i != cells_.size(); ++i) {
        const auto found = std::find(column_names.begin(), column_names.end(), cells_[i]);
        if (found == column_names.end()) {
            return wrong("'" + std::string(cells_[i]) +
                         "' is no column: at_us, tenant, cost_us, class, weight are");
        }
        places_[found - column_names.begin()] = i;
    }
    for (const column each : {at_us, tenant, cost_us}) {
        if (places_[each] == none) {
            return wrong("the column " + std::string(column_names[each]) + " is missing");
        }
    }
    return "";
}

std::string trace_csv::read_line(trace_line& into) const {
    const auto at = number_in(cells_[places_[at_us]], 0, us_max);
    const auto cost = number_in(cells_[places_[cost_us]], 0.001, us_max);
    if (!at || !cost) {
        return wrong(at ? "cost_us is no number of microseconds above 0"
                        : "at_us is no number of microseconds");
    }
    into.at = of_us(*at);
    into.cost = of_us(*cost);
    into.tenant = cells_[places_[tenant]];
    if (into.tenant.empty()) {
        return wrong("tenant is empty");
    }
    if (into.at < last_) {
        return wrong("at_us goes back: lines stand in the order of their times");
    }
    if (places_[cls] != none) {
        const auto read = class_in(cells_[places_[cls]]);
        if (!read) {
            return wrong("class is none of write, compute, read, accept");
        }
        into.cls = *read;
    }
    if (places_[weight] != none) {
        const auto read = number_in(cells_[places_[weight]], 0.001, 1e6);
        if (!read) {
            return wrong("weight is no number from 0.001 to 1000000");
        }
        into.weight = *read;
    }
    return "";
}

std::expected<bool, std::string> trace_csv::next(trace_line& into) {
    if (number_ == 0) {
        if (std::string what = read_head(); !what.empty()) {
            return std::unexpected(std::move(what));
        }
    }
    const std::size_t columns_named = static_cast<std::size_t>(std::count_if(
        std::begin(places_), std::end(places_), [](std::size_t each) { return each != none; }));
    if (!split()) {
        return false;
    }
    if (line_.size() > trace_line_bytes_max || cells_.size() != columns_named) {
        return std::unexpected(wrong("has " + std::to_string(cells_.size()) + " cells, not " +
                                     std::to_string(columns_named)));
    }
    if (std::string what = read_line(into); !what.empty()) {
        return std::unexpected(std::move(what));
    }
    last_ = into.at;
    return true;
}

std::string add_trace_tenants(workload& made) {
    std::unordered_set<std::string> known;
    std::unordered_set<std::string> others;
    for (const tenant_plan& each : made.tenants) {
        (each.arrivals == "trace" ? known : others).insert(each.name);
    }
    trace_csv from(made.trace);
    trace_line line;
    for (;;) {
        const auto more = from.next(line);
        if (!more) {
            return more.error();
        }
        if (!*more) {
            return "";
        }
        if (others.contains(std::string(line.tenant))) {
            return made.trace + ": the arrivals of " + std::string(line.tenant) +
                   " are not from the trace";
        }
        if (known.emplace(line.tenant).second) {
            if (made.tenants.size() == replay_lines_max) {
                return made.trace + ": more than " + std::to_string(replay_lines_max) + " tenants";
            }
            tenant_plan& added = made.tenants.emplace_back();
            added.name = line.tenant;
            added.weight = line.weight;
            added.arrivals = "trace";
            added.stages.emplace_back();
        }
    }
}

}  // namespace drama::cli
