// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/wall_now.hpp"

#include "drama/runtime/engine.hpp"
#include "drama/runtime/world/mishaps.hpp"

namespace drama::inline v0 {

wall_instant wall_now(runtime_handle in) noexcept {
    world_mishaps* const mishaps = in.get().where().mishaps();
    return mishaps == nullptr ? machine_wall_now() : mishaps->wall_now();
}

}  // namespace drama::inline v0
