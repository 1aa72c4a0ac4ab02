// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/tenant_query.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "drama/admin/tenant_history.hpp"
#include "drama/http/query.hpp"

namespace drama::inline v0 {
namespace {

constexpr std::size_t shown_bytes_max = 40;  // of what the client sent, in a complaint
constexpr std::uint64_t top_max = 10'000;
constexpr auto window_max =
    std::chrono::duration_cast<std::chrono::seconds>(tenant_history::length_max).count();

std::string quoted(std::string_view text) {
    return "'" + std::string(text.substr(0, shown_bytes_max)) + "'";
}

std::expected<tenant_order, std::string> read_order(std::string_view text) {
    std::string valid;
    for (std::size_t i = 0; i != tenant_orders; ++i) {
        const auto order = static_cast<tenant_order>(i);
        if (name_of(order) == text) {
            return order;
        }
        valid.append(i == 0 ? "" : ", ").append(name_of(order));
    }
    return std::unexpected("sort " + quoted(text) + " is none of " + valid);
}

std::expected<std::uint64_t, std::string> read_number(std::string_view key, std::string_view text,
                                                      std::uint64_t most) {
    const auto number = parse_number(text, {.min = 1, .max = most});
    if (!number) {
        return std::unexpected(std::string(key) + " " + quoted(text) + " is no number from 1 to " +
                               std::to_string(most));
    }
    return *number;
}

/// Takes one option. Yields what is wrong with it, or nothing.
std::string take(tenant_query& into, std::string_view key, std::string_view value) {
    if (key == "sort") {
        const auto order = read_order(value);
        into.sort = order.value_or(into.sort);
        return order ? "" : order.error();
    }
    if (key == "window") {
        const auto seconds = read_number(key, value, window_max);
        into.window = std::chrono::seconds(seconds.value_or(1));
        return seconds ? "" : seconds.error();
    }
    if (key == "top") {
        const auto count = read_number(key, value, top_max);
        into.top = count.value_or(into.top);
        return count ? "" : count.error();
    }
    return "option " + quoted(key) + " is none of sort, window, top";
}

}  // namespace

std::string_view name_of(tenant_order order) noexcept {
    constexpr std::array<std::string_view, tenant_orders> names{
        "cpu", "compute", "wait", "throttled", "blocking", "disk",
        "io",  "depth",   "lag",  "oldest",    "tasks",    "satisfaction"};
    return names[static_cast<std::size_t>(order)];
}

std::expected<tenant_query, std::string> read_tenant_query(std::string_view query) {
    tenant_query made;
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(pair.size() + 1, query.size()));
        if (pair.empty()) {
            continue;
        }
        const std::size_t equals = std::min(pair.find('='), pair.size());
        std::string wrong =
            take(made, pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size())));
        if (!wrong.empty()) {
            return std::unexpected(std::move(wrong));
        }
        made.is_plain = false;
    }
    return made;
}

}  // namespace drama::inline v0
