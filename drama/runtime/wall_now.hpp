// SPDX-License-Identifier: Apache-2.0
// What the wall clock of a runtime's world says.
#pragma once

#include "drama/runtime/world/wall_time.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama::inline v0 {

/// Calendar time; it may jump either way. Threads: any.
DRAMA_API wall_instant wall_now(runtime_handle in) noexcept;

/// The same of this task's runtime. Requires: called from a task.
inline wall_instant wall_now() noexcept {
    return wall_now(this_runtime());
}

}  // namespace drama::inline v0
