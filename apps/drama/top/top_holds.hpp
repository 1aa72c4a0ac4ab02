// SPDX-License-Identifier: Apache-2.0
// What held a tenant's work back: as /debug/tenants tells it at one moment, and between two.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace drama::cli {

/// Of one queue, or of the gates. Units: ns since the tenant was made.
struct hold_sample {
    std::map<std::string, std::uint64_t> causes;
    std::map<std::string, std::uint64_t> beneficiaries;
    std::uint64_t item_ns = 0;
};

/// By queue; that of the gates is "admission".
using hold_samples = std::map<std::string, hold_sample>;

/// Reads the object "holds" of a tenant.
hold_samples holds_in(const nlohmann::json& from);

/// Seconds a second that work of one queue was held back by one cause.
struct hold_row {
    std::string queue;
    std::string cause;
    double seconds = 0;

    /// Else there was no room, and the tenant is not to blame.
    bool is_throttling() const { return cause != "no_capacity"; }
};

/// What happened between two moments; the most first.
struct hold_rows {
    std::vector<hold_row> holds;
    std::vector<std::pair<std::string, double>> beneficiaries;  ///< seconds a second
    double throttled = 0;                                       ///< seconds a second
    double items = 0;                                           ///< of those, on average

    /// The first of them that is throttling, or null.
    const hold_row* worst() const;
};

/// `seconds` apart.
hold_rows holds_between(const hold_samples& before, const hold_samples& after, double seconds);

}  // namespace drama::cli
