// SPDX-License-Identifier: Apache-2.0
#include "figures_text.hpp"

#include <algorithm>

namespace drama::cli {

std::string table_of(const std::vector<std::vector<std::string>>& rows, std::size_t names) {
    std::vector<std::size_t> widths(rows.empty() ? 0 : rows.front().size());
    for (const auto& row : rows) {
        for (std::size_t i = 0; i != row.size(); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    std::string table;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i != row.size(); ++i) {
            const std::string padding(widths[i] - row[i].size(), ' ');
            table += i < names ? row[i] + padding + "  " : padding + row[i] + "  ";
        }
        table.erase(table.find_last_not_of(' ') + 1);
        table += "\n";
    }
    return table;
}

double microseconds(std::uint64_t ns) {
    return static_cast<double>(ns) / 1000;
}

void write_histogram(json_writer& json, std::string_view key, const histogram& of) {
    json.begin_object(key);
    json.number("samples", of.count());
    json.number("mean", of.mean() / 1000);
    json.number("min", microseconds(of.min()));
    json.number("p50", microseconds(of.at(0.5)));
    json.number("p90", microseconds(of.at(0.9)));
    json.number("p99", microseconds(of.at(0.99)));
    json.number("p999", microseconds(of.at(0.999)));
    json.number("p9999", microseconds(of.at(0.9999)));
    json.number("max", microseconds(of.max()));
    json.end_object();
}

}  // namespace drama::cli
