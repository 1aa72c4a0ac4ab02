// SPDX-License-Identifier: Apache-2.0
// A runtime's counters in the text format that Prometheus scrapes.
#pragma once

#include <cstddef>
#include <string>

#include "drama/admin/tenant_history.hpp"
#include "drama/base/export.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama::inline v0 {

/// Tenants that get series of their own: the union of the first `top_each` by CPU, by queue wait
/// and by tasks alive, at most `top_all`. All others are in the totals, which carry no tenant.
struct metrics_options {
    std::size_t top_each = 20;
    std::size_t top_all = 50;
    const tenant_window* window = nullptr;  ///< adds how fair it was, if it is given
};

/// Text format 0.0.4. Counters never fall: a tenant's series carry its own lifetime value.
/// Units: in the names. Complexity: O(tenants); the registry is locked for reading meanwhile.
/// Threads: any; no worker of `of` is asked.
[[nodiscard]] DRAMA_API std::string metrics_text(runtime& of, const metrics_options& options = {});

}  // namespace drama::inline v0
