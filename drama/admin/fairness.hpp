// SPDX-License-Identifier: Apache-2.0
// Whether the CPU was shared out as the weights ask: what each tenant was entitled to of what all
// had, and how evenly they got it. It judges from outside and steers nothing.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "drama/admin/json_writer.hpp"
#include "drama/admin/tenant_history.hpp"
#include "drama/base/export.hpp"

namespace drama::inline v0 {

/// What one tenant had and would have taken, in any one unit.
struct cpu_claim {
    double weight = 1;
    double wanted = 0;
    double entitled = 0;  ///< the outcome
};

/// Shares `supply` out by weight; who wants less than its part leaves the rest to the others.
/// Complexity: O(n log n); reorders the claims.
DRAMA_API void share_out(std::span<cpu_claim*> claims, double supply);

/// (sum x)^2 / (n sum x^2): 1 where all are equal, 1/n where one has everything. 1 for none.
DRAMA_API double jain_index(std::span<const double> of) noexcept;

/// Received by entitled; 1 for who wanted no CPU.
DRAMA_API double satisfaction_of(const tenant_sums& did) noexcept;
/// It wanted a thousandth of a CPU or more.
DRAMA_API bool has_demand(const tenant_sums& did, duration window) noexcept;

/// Of all tenants with demand, over a window; lag is that of now.
struct fairness_figures {
    duration window{};
    std::size_t tenants = 0;  ///< with demand
    double jain = 1;          ///< of their satisfaction
    std::size_t victims = 0;  ///< had less than `victim_below` of what they were entitled to
    double least = 1;         ///< satisfaction
    std::string least_name;   ///< whose; empty if nobody has demand
    double lag_max = 0;       ///< owed to a tenant at most. Units: seconds of CPU
    std::string lag_max_name;

    static constexpr double victim_below = 0.8;
};

/// Complexity: O(tenants); the registry is locked for reading meanwhile. Threads: any.
DRAMA_API fairness_figures fairness_in(runtime& of, const tenant_window& window);

/// An object "fairness".
void write_fairness(json_writer& json, const fairness_figures& seen);

}  // namespace drama::inline v0
