// SPDX-License-Identifier: Apache-2.0
// The fluid clock of one fair queue: V(t) = V0 + R (t - t0), where every tenant would stand if
// service were infinitely divisible. A leader slews R, like NTP, towards the members' true mean.
#pragma once

#include <algorithm>
#include <cstdint>

#include "drama/base/atomic.hpp"
#include "drama/base/export.hpp"
#include "drama/sched/class_order.hpp"
#include "drama/sched/virtual_time.hpp"

namespace drama::inline v0 {

/// What the leader adds up over the shards.
struct clock_sums {
    std::uint64_t moment = 0;   ///< of weight times position, modulo 2^64
    std::int64_t weight = 0;    ///< in 1/1024
    std::uint32_t busy = 0;     ///< servers with something to serve, that serve it
    std::uint32_t held_up = 0;  ///< and that do not, because others have their CPUs
    std::uint32_t members = 0;  ///< lane_sets
};

/// Monotone virtual time that any thread reads without a shared write.
///
/// An update sets the rate so that V meets the mean of the members a period later, and what it is
/// then: who serves long functions updates rarely, and a correction must not go on for as long.
///
/// Threads: at(), quantum_now() and is_due() from any; update() by who holds try_lead().
class DRAMA_API fair_clock {
  public:
    /// `cheapness`: a server's second is charged as 1/cheapness of one.
    explicit fair_clock(std::uint32_t servers, std::uint32_t cheapness = 1) noexcept
        : servers_(servers), cheapness_(cheapness) {}

    /// V at `now`; a `now` before the last update gives V of the update.
    virtual_time at(instant now) const noexcept;

    /// How far V moves in `span` at the present rate.
    virtual_span progress(duration span) const noexcept {
        return scaled(span.count(), rate_.load(std::memory_order_relaxed));
    }

    /// How long V takes for `by` at the present rate; as much as can be told where it stands still.
    duration time_for(virtual_span by) const noexcept {
        const auto rate = static_cast<double>(rate_.load(std::memory_order_relaxed)) * 0x1p-32;
        constexpr double longest = 1e15;
        return duration(static_cast<std::int64_t>(
            std::min(static_cast<double>(by) / std::max(rate, 1e-9), longest)));
    }

    /// The length of a turn now: the quantum, or less when there are many tenants.
    duration quantum_now() const noexcept {
        return duration(quantum_ns_.load(std::memory_order_relaxed));
    }
    /// `slice`, shortened as turns are but no further than to a tenth: a turn is a poll at least.
    duration scaled_slice(duration slice) const noexcept {
        const std::int64_t ns = quantum_ns_.load(std::memory_order_relaxed);
        if (ns == quantum.count()) [[likely]] {
            return slice;
        }
        return duration(slice.count() * std::max(ns, quantum.count() / 10) / quantum.count());
    }

    bool is_due(instant now) const noexcept {
        return now.time_since_epoch().count() >= next_ns_.load(std::memory_order_relaxed);
    }
    /// Brings the next update forward, to a quantum after the last one.
    void hurry() noexcept {
        const std::int64_t soon = since_ns_.load(std::memory_order_relaxed) + hurry_ns();
        if (soon < next_ns_.load(std::memory_order_relaxed)) {
            next_ns_.store(soon, std::memory_order_relaxed);
        }
    }
    /// Makes the next update due at once.
    void expire() noexcept { next_ns_.store(0, std::memory_order_relaxed); }
    /// `lost` of a server's time was charged to nobody, because something else had its CPU. V is
    /// about service: its rate follows what the servers really give, from the losses of about
    /// sixteen periods, so that who joins is not placed behind those that lost time. Threads: any.
    void note_lost(duration lost) noexcept {
        lost_ns_.fetch_add(lost.count(), std::memory_order_relaxed);
    }
    /// Tenants of `weight` (1/1024) use the servers' CPUs without being members.
    void note_outside(std::int64_t weight) noexcept {
        outside_.store(weight, std::memory_order_relaxed);
    }
    /// How a tenant's debt is forgiven that was away: as members and those outside would pay theirs
    /// if all servers served them.
    std::uint64_t forgiving_rate() const noexcept {
        return forgiving_rate_.load(std::memory_order_relaxed);
    }
    /// Counts updates, so that a shard can tell whether its last change was seen.
    std::uint32_t generation() const noexcept { return sequence_.load(std::memory_order_relaxed); }
    /// The members' weight at the last update, in 1/1024.
    std::int64_t weight() const noexcept { return weight_.load(std::memory_order_relaxed); }

    /// Makes the caller the leader, unless there is one. Pairs with update()'s release.
    bool try_lead() noexcept { return !led_.exchange(true, std::memory_order_acquire); }
    /// Sets rate and turn length from `sums` and gives leadership up. Requires: leads.
    void update(instant now, const clock_sums& sums) noexcept;

  private:
    static virtual_span scaled(std::int64_t ns, std::uint64_t rate) noexcept {
        return static_cast<virtual_span>(
            (static_cast<unsigned __int128>(static_cast<std::uint64_t>(ns)) * rate) >> 32);
    }
    double note_losses(duration since_update) noexcept;
    void set_forgiving_rate(const clock_sums& sums, double lost) noexcept;
    std::int64_t hurry_ns() const noexcept {
        // An update reads every shard: with many of them it must stay rare.
        return weight() == 0 ? 0 : quantum.count() * (1 + servers_ / 4);
    }

    // One read-mostly line. sequence_ is odd while an update writes base_, since_ns_, the rates and
    // slewed_ns_.
    alignas(64) atomic<std::uint32_t> sequence_{0};
    std::uint32_t servers_;
    std::uint32_t cheapness_;
    atomic<virtual_time> base_{0};
    atomic<std::int64_t> since_ns_{0};
    atomic<std::uint64_t> rate_{0};      // units per ns, 32 fractional bits
    atomic<std::int64_t> slewed_ns_{0};  // for so long V has that rate, then steady_rate_
    atomic<std::int64_t> quantum_ns_{quantum.count()};
    atomic<std::int64_t> next_ns_{0};
    atomic<std::uint64_t> steady_rate_{0};     // as rate_
    atomic<std::uint64_t> forgiving_rate_{0};  // as rate_
    atomic<std::int64_t> weight_{0};
    atomic<bool> led_{false};
    alignas(64) atomic<std::int64_t> lost_ns_{0};  // since the last update
    atomic<std::int64_t> outside_{0};
    double lost_servers_ = 0;  // on average; the leader's
};

}  // namespace drama::inline v0
