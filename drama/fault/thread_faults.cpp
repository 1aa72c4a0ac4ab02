// SPDX-License-Identifier: Apache-2.0
#include "drama/fault/thread_faults.hpp"

#include <cstddef>

#include "drama/coro/runnable.hpp"

namespace drama::inline v0 {

std::string_view thread_site(thread_role role) noexcept {
    static constexpr std::string_view sites[thread_roles] = {
        "thread.worker", "thread.compute", "thread.blocking", "thread.watchdog", "thread.admin"};
    return sites[static_cast<std::size_t>(role)];
}

bool may_start_thread(fault_plan& plan, thread_role role) noexcept {
    const runnable* const task = current_runnable();
    return !plan.decide({.kind = fault_kind::thread_unavailable,
                         .site = thread_site(role),
                         .payer = task == nullptr ? nullptr : task->payer});
}

}  // namespace drama::inline v0
