// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/core/lost_time.hpp"

#include <algorithm>
#include <utility>

namespace drama::inline v0::internal {

duration lost_time::look(duration used, instant now, const world& in) noexcept {
    const duration cpu = in.thread_cpu_time();
    const std::uint64_t waits = in.thread_waits();
    const instant since = std::exchange(base_at_, now);
    const duration burned = cpu - std::exchange(base_cpu_, cpu);
    const bool has_waited = waits - std::exchange(base_waits_, waits) > std::exchange(parks_, 0);
    if (since == long_ago || used < long_turn || has_waited) {
        return duration::zero();
    }
    const duration lost = now - since - burned;
    return lost < least ? duration::zero() : std::min(lost, std::max(used - least, used / 16));
}

}  // namespace drama::inline v0::internal
