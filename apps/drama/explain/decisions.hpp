// SPDX-License-Identifier: Apache-2.0
// The last decisions about a tenant, as an admin endpoint tells them, and in words.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "drama/admin/json_writer.hpp"

namespace drama::cli {

/// As decision in drama/runtime/watch/decision_log.hpp. Units: in the names.
struct decision_row {
    double ago_ns = 0;
    std::string queue;
    std::string decision;
    std::string reason;
    std::string other;  ///< who was served meanwhile
    double lasted_ns = 0;
    double lag_ns = 0;
    std::int64_t value = 0;
    std::int64_t bound = 0;

    /// One line, without the end of it.
    std::string text() const;
};

/// Reads the answer of /debug/tenants/NAME. Errors: one line, if it is none.
std::expected<std::vector<decision_row>, std::string> read_decisions(std::string_view answer);

/// An array "decisions".
void write_decisions(json_writer& json, const std::vector<decision_row>& all);

/// Where an admin endpoint tells them.
std::string decisions_path(std::string_view tenant);

}  // namespace drama::cli
