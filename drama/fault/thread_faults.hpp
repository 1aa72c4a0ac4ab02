// SPDX-License-Identifier: Apache-2.0
// What a world asks the plan about its threads. Simulated worlds and the faulty one share it.
#pragma once

#include <string_view>

#include "drama/fault/fault_plan.hpp"
#include "drama/runtime/world/world.hpp"

namespace drama::inline v0 {

/// "thread.worker", "thread.compute" ...: where threads of a role are started.
DRAMA_API std::string_view thread_site(thread_role role) noexcept;

/// False if the plan says that the system refuses this thread. Asked on the account of the task
/// that needs it, if there is one.
DRAMA_API bool may_start_thread(fault_plan& plan, thread_role role) noexcept;

}  // namespace drama::inline v0
