// SPDX-License-Identifier: Apache-2.0
// A runtime's counters as JSON.
#pragma once

#include <string>

#include "drama/base/export.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama::inline v0 {

/// {"tenants": [...]}, one object for each tenant, oldest first. Units: in the keys.
/// Complexity: O(tenants); the registry is locked for reading meanwhile. Threads: any.
[[nodiscard]] DRAMA_API std::string tenants_json(runtime& of);

/// runtime_stats, the IO backend and the number of tenants. Threads: any.
[[nodiscard]] DRAMA_API std::string runtime_json(runtime& of);

}  // namespace drama::inline v0
