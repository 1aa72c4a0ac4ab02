// SPDX-License-Identifier: Apache-2.0
// What an operator or a program may set for one tenant.
#pragma once

#include <cstdint>
#include <limits>

#include "drama/base/work.hpp"

namespace drama::inline v0 {

/// Hard ceilings of one tenant. Each has a name in refusals.
struct tenant_limits {
    std::uint64_t tasks = 1'000'000;                 ///< tasks_max: spawned and not ended
    std::uint64_t requests = 100'000;                ///< requests_max: permits held
    std::uint64_t blocking_queue = 100'000;          ///< blocking functions queued and not started
    duration queue_delay = std::chrono::seconds(5);  ///< backlog at the tenant's own fair rate
};

/// Weight is the share under contention; latency says when, not how much.
struct tenant_options {
    double weight = 1.0;
    drama::latency latency = drama::latency::normal;
    tenant_limits limit{};
};

}  // namespace drama::inline v0
