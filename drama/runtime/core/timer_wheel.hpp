// SPDX-License-Identifier: Apache-2.0
// Timers of one core: a hierarchical timing wheel (Varghese and Lauck, SOSP 1987), scheme 7, with
// one bitmap a level so that the next expiry is found without walking empty slots.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"
#include "drama/base/intrusive_list.hpp"
#include "drama/base/spinlock.hpp"
#include "drama/coro/host.hpp"

namespace drama::inline v0 {

/// Six levels of 64 slots over ticks of 2^16 ns (65.5 us); what lies beyond 52 days waits in the
/// last.
///
/// A timer never fires early and at most one tick late (plus the core's own delay).
/// Complexity: arm and disarm O(1); fire O(1) amortised plus one cascade per level.
/// Threads:    arm, disarm and next_expiry from any thread; fire_due by the core's holder.
class DRAMA_API timer_wheel {
  public:
    static constexpr int tick_shift = 16;
    static constexpr std::size_t levels = 6;
    static constexpr std::size_t slots = 64;

    explicit timer_wheel(instant start) noexcept : tick_(ticks(start)) {}
    timer_wheel(const timer_wheel&) = delete;
    timer_wheel& operator=(const timer_wheel&) = delete;

    /// What had better be armed for `when`: the next of those instants that timers of about that
    /// length share, so that one wake-up serves many. Late by a 64th of what is left, 1 ms at most.
    static instant with_slack(instant when, instant now) noexcept;

    /// False if the timer was refused: disarmed before it was armed.
    bool arm(timer_node& timer) noexcept;
    /// True if it was armed, on whichever wheel, and now is not; if it was not armed yet, marks it
    /// refused. Threads: any.
    static bool disarm(timer_node& timer) noexcept;

    /// Fires everything due at `now`, without the lock held. Returns how many.
    std::size_t fire_due(instant now) noexcept;

    /// When fire_due next has work (a lower bound: a cascade counts); `never` if there is no timer.
    /// Threads: any; one relaxed load.
    instant next_expiry() const noexcept {
        return instant(duration(next_.load(std::memory_order_relaxed)));
    }

    /// Timers armed. A hint.
    std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

  private:
    static constexpr std::uint64_t ticks(instant at) noexcept {
        return static_cast<std::uint64_t>(at.time_since_epoch().count()) >> tick_shift;
    }
    static constexpr std::uint64_t ticks_up(instant at) noexcept {
        return at == never ? ~std::uint64_t{0} >> tick_shift
                           : (static_cast<std::uint64_t>(at.time_since_epoch().count()) +
                              (std::uint64_t{1} << tick_shift) - 1) >>
                                 tick_shift;
    }

    bool disarm_here(timer_node& timer) noexcept;
    void link(timer_node& timer) noexcept;
    void unlink(timer_node& timer) noexcept;
    void publish_next() noexcept;
    std::uint64_t next_tick() const noexcept;
    void advance_to(std::uint64_t tick) noexcept;
    timer_node* pop_due(instant now) noexcept;

    spinlock lock_;  // guards everything but the two hints
    std::uint64_t tick_;
    std::array<std::uint64_t, levels> occupied_{};
    std::array<std::array<intrusive_list<timer_node>, slots>, levels> slots_;
    intrusive_list<timer_node> due_;
    std::atomic<std::int64_t> next_{never.time_since_epoch().count()};
    std::atomic<std::size_t> size_{0};
};

}  // namespace drama::inline v0
