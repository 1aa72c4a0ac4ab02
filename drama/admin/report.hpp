// SPDX-License-Identifier: Apache-2.0
// A runtime's counters as JSON.
#pragma once

#include <string>

#include "drama/admin/fairness.hpp"
#include "drama/admin/tenant_history.hpp"
#include "drama/admin/tenant_query.hpp"
#include "drama/base/export.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama::inline v0 {

/// {"tenants": [...]}, one object for each tenant, oldest first. Units: in the keys.
/// Complexity: O(tenants); the registry is locked for reading meanwhile. Threads: any.
[[nodiscard]] DRAMA_API std::string tenants_json(runtime& of);

/// The same for the first tenants in the order that was asked for, each with what it did in
/// `window`; `sort` and `window_ns` stand before them.
[[nodiscard]] DRAMA_API std::string tenants_json(runtime& of, const tenant_query& asked,
                                                 const tenant_window& window);

/// The same for one tenant, with the last decisions about it, the latest first.
[[nodiscard]] DRAMA_API std::string tenant_json(runtime& of, const tenant& whom,
                                                const tenant_window& window);

/// runtime_stats, the IO backend, the number of tenants, and how fair the CPU was shared out if
/// `fair` is given. Threads: any.
[[nodiscard]] DRAMA_API std::string runtime_json(runtime& of,
                                                 const fairness_figures* fair = nullptr);

}  // namespace drama::inline v0
