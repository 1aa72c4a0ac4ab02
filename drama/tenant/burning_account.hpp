// SPDX-License-Identifier: Apache-2.0
// What a tenant record keeps for work that burns CPUs outside the workers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "drama/sched/lane_set.hpp"
#include "drama/sched/virtual_time.hpp"

namespace drama::inline v0 {

class tenant_record;

/// Where the tenant stands among those that burn. Threads: any.
struct burning_account {
    static constexpr virtual_span never_burned = INT64_MIN;

    std::atomic<virtual_span> offset{never_burned};  ///< of its position from its service
    std::atomic<std::uint32_t> wants{0};           ///< that burn for it now
};

/// Its tasks that wait for a demoted thread. Threads: under the demoted queue's lock; size: any.
struct demoted_lane {
    explicit demoted_lane(tenant_record& of) noexcept : record(&of) {}

    tenant_record* record;
    work_fifo tasks;
    std::atomic<std::size_t> size{0};
    demoted_lane* following = nullptr;  ///< in the queue, while there are tasks
};

}  // namespace drama::inline v0
