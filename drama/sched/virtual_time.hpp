// SPDX-License-Identifier: Apache-2.0
// Virtual time: service received per weight. All of it is integer arithmetic that may wrap, so the
// same inputs give the same order on every machine; two positions compare by their difference.
#pragma once

#include <algorithm>
#include <cstdint>

#include "drama/base/clock.hpp"

namespace drama::inline v0 {

/// A position on a fair queue's clock. Units: 1/1024 ns of service at weight 1.
using virtual_time = std::int64_t;
/// Difference of two positions. Units: as virtual_time.
using virtual_span = std::int64_t;
/// A weight in 1/1024; 1024 is weight 1.
using fixed_weight = std::uint32_t;

inline constexpr std::int64_t virtual_units_per_ns = 1024;
inline constexpr fixed_weight fixed_weight_one = 1024;
inline constexpr double weight_min = 1.0 / 1024;
inline constexpr double weight_max = 4'000'000.0;

/// Published when a queue has no deadline; before() must not see it.
inline constexpr virtual_time no_deadline = INT64_MAX;

constexpr virtual_span gap(virtual_time to, virtual_time from) noexcept {
    return static_cast<virtual_span>(static_cast<std::uint64_t>(to) -
                                     static_cast<std::uint64_t>(from));
}
constexpr virtual_time advanced(virtual_time from, virtual_span by) noexcept {
    return static_cast<virtual_time>(static_cast<std::uint64_t>(from) +
                                     static_cast<std::uint64_t>(by));
}
constexpr bool before(virtual_time a, virtual_time b) noexcept {
    return gap(a, b) < 0;
}

constexpr fixed_weight to_fixed(double weight) noexcept {
    return static_cast<fixed_weight>(std::clamp(weight, weight_min, weight_max) * fixed_weight_one);
}

/// How far `service` moves a tenant of `weight`. Requires: 0 <= service; above an hour counts as
/// one.
constexpr virtual_span to_virtual(duration service, fixed_weight weight) noexcept {
    constexpr std::uint64_t ns_max = 3'600'000'000'000;
    const auto ns = std::min(static_cast<std::uint64_t>(service.count()), ns_max);
    if (weight == fixed_weight_one) {  // most are, and a division is a good part of a turn's cost
        return static_cast<virtual_span>(ns * virtual_units_per_ns);
    }
    return static_cast<virtual_span>(ns * (virtual_units_per_ns * fixed_weight_one) / weight);
}

}  // namespace drama::inline v0
