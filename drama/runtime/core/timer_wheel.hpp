// SPDX-License-Identifier: Apache-2.0
// Timers of one core: a hierarchical timing wheel (Varghese and Lauck, SOSP 1987), scheme 7, with
// one bitmap a level so that the next expiry is found without walking empty slots. What it does is
// in timer_wheel_body.hpp; the model checker runs that with its own atomics.
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
template <class Atomics>
class basic_timer_wheel {
  public:
    using node = basic_timer_node<Atomics>;
    static constexpr int tick_shift = 16;
    static constexpr std::size_t levels = 6;
    static constexpr std::size_t slots = 64;

    explicit basic_timer_wheel(instant start) noexcept : tick_(ticks(start)) {}
    basic_timer_wheel(const basic_timer_wheel&) = delete;
    basic_timer_wheel& operator=(const basic_timer_wheel&) = delete;

    /// What had better be armed for `when`: the next of those instants that timers of about that
    /// length share, so that one wake-up serves many. Late by a 64th of what is left, 1 ms at most.
    static instant with_slack(instant when, instant now) noexcept;

    /// False if the timer was refused: disarmed before it was armed.
    bool arm(node& timer) noexcept;
    /// True if it was armed, on whichever wheel, and now is not; if it was not armed yet, marks it
    /// refused. Threads: any.
    static bool disarm(node& timer) noexcept;

    /// Fires everything due at `now`, without the lock held. Returns how many.
    std::size_t fire_due(instant now) noexcept;

    /// When fire_due next has work (a lower bound: a cascade counts); `never` if there is no timer.
    /// Threads: any; one relaxed load.
    instant next_expiry() const noexcept {
        return instant(duration(next_.load(std::memory_order_relaxed)));
    }

    /// When the last of those timers is due that are due until `most`; long_ago if none is.
    /// Threads: any. Complexity: O(timers); for reports.
    instant last_until(instant most) noexcept;
    /// Timers armed. A hint.
    std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

  private:
    template <class T>
    using atomic = typename Atomics::template atomic<T>;
    template <class T>
    using plain = typename Atomics::template plain<T>;

    static constexpr std::uint64_t ticks(instant at) noexcept {
        return static_cast<std::uint64_t>(at.time_since_epoch().count()) >> tick_shift;
    }
    static constexpr std::uint64_t ticks_up(instant at) noexcept {
        return at == never ? ~std::uint64_t{0} >> tick_shift
                           : (static_cast<std::uint64_t>(at.time_since_epoch().count()) +
                              (std::uint64_t{1} << tick_shift) - 1) >>
                                 tick_shift;
    }

    bool disarm_here(node& timer) noexcept;
    void link(node& timer) noexcept;
    void unlink(node& timer) noexcept;
    void publish_next() noexcept;
    std::uint64_t next_tick() const noexcept;
    void advance_to(std::uint64_t tick) noexcept;
    node* pop_due(instant now) noexcept;

    basic_spinlock<Atomics> lock_;  // guards everything but the two hints
    plain<std::uint64_t> tick_;
    std::array<std::uint64_t, levels> occupied_{};
    std::array<std::array<intrusive_list<node>, slots>, levels> slots_;
    intrusive_list<node> due_;
    atomic<std::int64_t> next_{never.time_since_epoch().count()};
    atomic<std::size_t> size_{0};
};

extern template class basic_timer_wheel<real_atomics>;
using timer_wheel = basic_timer_wheel<real_atomics>;

}  // namespace drama::inline v0
