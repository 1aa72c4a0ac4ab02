// SPDX-License-Identifier: Apache-2.0
// How long something takes: a law from which each duration is drawn anew.
#pragma once

#include <cstdint>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"
#include "drama/base/prng.hpp"

namespace drama::inline v0 {

/// Always `typical`; or with a heavy tail up to `worst`: between typical and 2 x typical half of
/// the time, up to 4 x a quarter of the time, and so on; or, if `worst_share` is not 0, `worst` in
/// so large a part of the draws and else `typical`.
struct latency_law {
    duration typical = std::chrono::microseconds(50);
    duration worst = std::chrono::microseconds(50);
    double worst_share = 0;

    static constexpr latency_law fixed(duration always) noexcept { return {always, always}; }
    static constexpr latency_law heavy_tail(duration typical, duration worst) noexcept {
        return {typical, worst};
    }
    /// Two humps: a cache that hits or misses, a route that is or is not taken.
    static constexpr latency_law bimodal(duration fast, duration slow, double slow_share) noexcept {
        return {fast, slow, slow_share};
    }
    DRAMA_API std::int64_t draw_ns(prng& random) const noexcept;
};

/// The laws as `world.net().latency(heavy_tail(1ms, 50ms))` names them.
constexpr latency_law fixed(duration always) noexcept {
    return latency_law::fixed(always);
}
constexpr latency_law heavy_tail(duration typical, duration worst) noexcept {
    return latency_law::heavy_tail(typical, worst);
}
constexpr latency_law bimodal(duration fast, duration slow, double slow_share) noexcept {
    return latency_law::bimodal(fast, slow, slow_share);
}

}  // namespace drama::inline v0
