// SPDX-License-Identifier: Apache-2.0
// What a gate answers when it does not admit work: why, which resource, whose limit, when to retry.
#pragma once

#include <cstdint>
#include <expected>
#include <system_error>

#include "drama/base/clock.hpp"
#include "drama/base/errc.hpp"
#include "drama/base/work.hpp"

namespace drama::inline v0 {

/// Why a gate refused. Each is a limit with a name.
enum class refusal_reason : std::uint8_t {
    tenant_tasks_max,     ///< the tenant has its limit of tasks
    tenant_queue_delay,   ///< the tenant's own backlog would take too long at its fair rate
    tenant_requests_max,  ///< the tenant has its limit of open requests
    tasks_max,            ///< the process has its limit of tasks
    blocking_queue_max,   ///< the blocking queue is full for this tenant
    shutting_down,        ///< the runtime is stopping
    out_of_memory,        ///< no memory for another task
    deadline_exceeded,    ///< admission did not come before the caller's deadline
    stop_requested,       ///< the caller was asked to stop while it waited for admission
};

constexpr const char* name_of(refusal_reason reason) noexcept {
    constexpr const char* names[] = {
        "tenant_tasks_max", "tenant_queue_delay", "tenant_requests_max",
        "tasks_max",        "blocking_queue_max", "shutting_down",
        "out_of_memory",    "deadline_exceeded",  "stop_requested"};
    return names[static_cast<std::size_t>(reason)];
}

/// A refusal: cheap to make, clear to read. Converts to the error code that fits.
struct refusal {
    refusal_reason reason = refusal_reason::tasks_max;
    drama::resource resource = drama::resource::cpu;
    std::uint64_t tenant = 0;                 ///< id of the tenant whose work was refused
    duration retry_after = duration::zero();  ///< a hint; zero: no retry will help

    std::error_code code() const noexcept {
        switch (reason) {
            case refusal_reason::shutting_down:
                return errc::shutting_down;
            case refusal_reason::deadline_exceeded:
                return errc::deadline_exceeded;
            case refusal_reason::stop_requested:
                return errc::stop_requested;
            case refusal_reason::blocking_queue_max:
                return errc::queue_full;
            default:
                return errc::admission_rejected;
        }
    }
    operator std::error_code() const noexcept { return code(); }  // NOLINT: documented conversion
};

/// What spawn and admit yield.
template <class T>
using admission = std::expected<T, refusal>;

}  // namespace drama::inline v0
