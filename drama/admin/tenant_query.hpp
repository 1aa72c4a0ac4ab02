// SPDX-License-Identifier: Apache-2.0
// What a request for /debug/tenants asks for: which tenants, in which order, over which time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <string>
#include <string_view>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"

namespace drama::inline v0 {

/// What tenants are sorted by, the most first. Rates over the window up to `io`, then gauges.
enum class tenant_order : std::uint8_t {
    cpu,
    compute,
    wait,
    throttled,
    blocking,
    disk,
    io,
    depth,
    lag,     ///< who is owed most
    oldest,  ///< whose oldest work has waited longest
    tasks,
    satisfaction,  ///< over the window; who had least of what it was entitled to
};
inline constexpr std::size_t tenant_orders = 12;

DRAMA_API std::string_view name_of(tenant_order order) noexcept;

struct tenant_query {
    bool is_plain = true;  ///< no option was given: all tenants, oldest first, no window
    tenant_order sort = tenant_order::cpu;
    duration window = std::chrono::seconds(10);
    std::size_t top = std::numeric_limits<std::size_t>::max();
};

/// Reads the query of a target, `sort=KEY&window=SECONDS&top=K`. Errors: one line that names what
/// is valid.
DRAMA_API std::expected<tenant_query, std::string> read_tenant_query(std::string_view query);

}  // namespace drama::inline v0
