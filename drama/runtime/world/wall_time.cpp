// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/world/wall_time.hpp"

namespace drama::inline v0 {

wall_instant machine_wall_now() noexcept {
    return std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
}

}  // namespace drama::inline v0
