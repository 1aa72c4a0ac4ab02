// SPDX-License-Identifier: Apache-2.0
// A kernel thread that runs a body: step, then park, until the body is finished.
#pragma once

#include <memory>

#include "drama/runtime/world/world.hpp"

namespace drama::inline v0::internal {

/// Errors: errc::thread_unavailable. Lifetime: `time` and `body` outlive the thread.
result<std::unique_ptr<world_thread>> start_real_thread(const clock& time, thread_role role,
                                                        thread_body& body);

}  // namespace drama::inline v0::internal
