// SPDX-License-Identifier: Apache-2.0
// Time as drama sees it: nanoseconds of a steady clock that the world supplies.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

#include "drama/base/export.hpp"

namespace drama::inline v0 {

using duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;

/// Tags instants of the runtime's clock. It has no now(): time is asked from a `clock`.
struct steady_time {
    using rep = std::int64_t;
    using period = std::nano;
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<steady_time>;
    static constexpr bool is_steady = true;
};

/// A point in time. Differences are exact; the epoch means nothing.
using instant = steady_time::time_point;

/// Later than every deadline; "no deadline".
inline constexpr instant never = instant(duration(std::numeric_limits<std::int64_t>::max()));
/// Earlier than every instant.
inline constexpr instant long_ago = instant(duration(0));

/// Adds without overflow past `never`.
constexpr instant saturating_add(instant from, duration by) noexcept {
    return by > never - from ? never : from + by;
}

/// An instant to about a millisecond in half the memory, for what lies in every task.
///
/// Units: ticks of 2^20 ns; differences are right up to 50 days.
class coarse_instant {
  public:
    constexpr coarse_instant() noexcept = default;
    explicit constexpr coarse_instant(instant at) noexcept
        : ticks_(static_cast<std::uint32_t>(at.time_since_epoch().count() >> tick_shift)) {}

    /// The time from `earlier` to this.
    constexpr duration since(coarse_instant earlier) const noexcept {
        return duration(std::int64_t{ticks_ - earlier.ticks_} << tick_shift);
    }
    friend constexpr bool operator==(coarse_instant, coarse_instant) noexcept = default;

  private:
    static constexpr int tick_shift = 20;
    std::uint32_t ticks_ = 0;
};

/// Where time comes from: the machine's counter, or a value that a simulated world advances.
///
/// Complexity: about 10 ns on the machine's counter, one load otherwise.
/// Threads:    now() from any thread.
class DRAMA_API clock {
  public:
    /// The machine's steady clock: the TSC where the kernel trusts it, else CLOCK_MONOTONIC.
    clock() noexcept;

    /// Reads `*value` (nanoseconds) instead. Lifetime: `value` outlives the clock.
    explicit clock(const std::int64_t* value) noexcept : value_(value) {}

    /// The same, and every reading moves `*value` on by `tick_ns`: code that looks at the time
    /// until it has passed comes to an end. Threads: one at a time.
    clock(std::int64_t* value, std::int64_t tick_ns) noexcept
        : value_(value), moved_(value), tick_ns_(tick_ns) {}

    instant now() const noexcept {
        if (value_ != nullptr) {
            if (moved_ != nullptr) {
                *moved_ += tick_ns_;
            }
            return instant(duration(*value_));
        }
        return machine_now();
    }

  private:
    instant machine_now() const noexcept {
#if defined(__x86_64__)
        if (scale_ != 0) {
            const std::uint64_t ticks = __builtin_ia32_rdtsc() - tsc_base_;
            const auto scaled = static_cast<unsigned __int128>(ticks) * scale_;
            return instant(duration(base_ns_ + static_cast<std::int64_t>(scaled >> 32)));
        }
#endif
        return system_now();
    }

    static instant system_now() noexcept;

    const std::int64_t* value_ = nullptr;
    std::int64_t* moved_ = nullptr;
    std::int64_t tick_ns_ = 0;
    std::uint64_t scale_ = 0;  // nanoseconds per tick, 32.32 fixed point; 0: ask the kernel
    std::uint64_t tsc_base_ = 0;
    std::int64_t base_ns_ = 0;
};

}  // namespace drama::inline v0
