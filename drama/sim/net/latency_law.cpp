// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/latency_law.hpp"

#include <algorithm>
#include <bit>

namespace drama::inline v0 {

std::int64_t latency_law::draw_ns(prng& random) const noexcept {
    const std::int64_t base = typical.count();
    const std::int64_t limit = worst.count();
    if (worst_share > 0) {
        return random.unit() < worst_share ? limit : base;
    }
    if (limit <= base || base <= 0) {
        return base;
    }
    const std::uint64_t drawn = random.next();
    const int doublings = std::min(std::countl_zero(drawn | 1), 20);
    const std::int64_t scaled = base << doublings;
    const auto part = static_cast<std::int64_t>(
        static_cast<unsigned __int128>(scaled) * (drawn & 0xffff'ffff) >> 32);
    return std::min(limit, scaled + part);
}

}  // namespace drama::inline v0
