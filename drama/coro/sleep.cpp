// SPDX-License-Identifier: Apache-2.0
#include "drama/coro/sleep.hpp"

namespace drama::inline v0 {

duration backoff::pause(int attempt, std::uint64_t random) const noexcept {
    double pause_ns = static_cast<double>(first.count());
    for (int step = 1; step < attempt && pause_ns < static_cast<double>(longest.count()); ++step) {
        pause_ns *= factor;
    }
    pause_ns = std::min(pause_ns, static_cast<double>(longest.count()));
    const double part = static_cast<double>(random >> 11) * 0x1.0p-53;
    return duration(static_cast<std::int64_t>(pause_ns * (1.0 - jitter * part)));
}

}  // namespace drama::inline v0
