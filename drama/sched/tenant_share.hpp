// SPDX-License-Identifier: Apache-2.0
// The fairness state of one tenant, shared by all its queues and cores: how much service it has had
// per weight, and where that puts it on each queue's clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "drama/base/atomic.hpp"
#include "drama/base/export.hpp"
#include "drama/base/spinlock.hpp"
#include "drama/base/work.hpp"
#include "drama/sched/class_order.hpp"
#include "drama/sched/virtual_time.hpp"

namespace drama::inline v0 {

/// What a membership change adds to a fair queue's sums; arithmetic modulo 2^64.
struct sums_change {
    std::uint64_t moment = 0;  ///< of weight times position
    std::int64_t weight = 0;   ///< in 1/1024
};

/// What else places a tenant that joins a queue.
struct join_terms {
    instant now = long_ago;
    /// How fast a debt is forgiven that it left with: as its fair share would have paid it. Units:
    /// virtual ones per ns, 32 fractional bits.
    std::uint64_t forgiving_rate = 0;
    virtual_span members_behind = 0;  ///< how far the members stand behind the clock
};

/// Service per weight of one tenant, and its positions v = u + offset on the queues' clocks.
///
/// One counter u serves all queues, so a tenant that eats one resource falls behind at the others.
/// The offset of a queue is set when the tenant joins it and so forgets idle time.
///
/// Threads: any. Charges are one atomic add; joining, leaving and accounting take a spinlock per
///          (tenant, queue), contended only while several cores serve the same tenant.
/// Lifetime: outlives every lane_set that names it.
class DRAMA_API tenant_share {
  public:
    explicit tenant_share(double weight = 1.0, latency setting = latency::normal) noexcept
        : weight_(to_fixed(weight)), latency_(setting) {}
    tenant_share(const tenant_share&) = delete;
    tenant_share& operator=(const tenant_share&) = delete;

    fixed_weight weight() const noexcept { return weight_.load(std::memory_order_relaxed); }
    /// Takes effect on charges at once, on the clocks' sums with the next turn, and on a deadline
    /// when it is next renewed. Clamped to [weight_min, weight_max].
    void set_weight(double weight) noexcept {
        weight_.store(to_fixed(weight), std::memory_order_relaxed);
    }
    latency latency_setting() const noexcept { return latency_.load(std::memory_order_relaxed); }
    void set_latency(latency setting) noexcept {
        latency_.store(setting, std::memory_order_relaxed);
    }

    /// Dominant service per weight so far.
    virtual_time service() const noexcept { return u_.load(std::memory_order_relaxed); }
    /// The tenant's position on the clock of `queue`. Means something while it is a member.
    virtual_time position(queue_id queue) const noexcept {
        return advanced(service(), places_[index(queue)].offset.load(std::memory_order_relaxed));
    }

    /// Charges `used` of any resource, already scaled to seconds of it. Returns what u advanced by:
    /// at least one unit, so that no weight makes work free.
    virtual_span charge(duration used) noexcept {
        const virtual_span by = std::max<virtual_span>(1, to_virtual(used, weight()));
        u_.fetch_add(by, std::memory_order_relaxed);
        return by;
    }

    /// Counts one lane_set in. The first of a queue places the tenant: never more than `credit`
    /// behind the clock, never more than `debt` ahead; exactly at the clock if it never joined.
    /// Old debts are paid by the time since it left, too: where the clock stands still because
    /// others use what it would be moved by, a tenant that hardly uses anything would wait for it.
    /// Who is new, or further behind than the members are, joins as far back as they stand.
    sums_change join(queue_id queue, virtual_time clock, duration credit,
                     duration debt = slice_max * debt_slices_max, join_terms terms = {}) noexcept;
    /// Brings the sums up to what was charged in any queue, and to the present weight. `hold` moves
    /// the position in this queue alone: ahead for work that is expected, back once it is charged.
    sums_change account(queue_id queue, virtual_span hold = 0) noexcept;
    /// The weight with which it is in the sums of `queue`, in 1/1024; 0 while it is in none.
    fixed_weight counted(queue_id queue) noexcept;
    /// Takes a member out of the sums that stays one, where it stands; account() puts it back.
    sums_change suspend(queue_id queue) noexcept;
    /// Counts one lane_set out; the last one takes out of the sums exactly what is in them.
    sums_change leave(queue_id queue, instant now = long_ago) noexcept;

  private:
    static constexpr std::size_t index(queue_id queue) noexcept {
        return static_cast<std::size_t>(queue);
    }
    static std::uint64_t moment(fixed_weight weight, virtual_time position) noexcept {
        return std::uint64_t{weight} * static_cast<std::uint64_t>(position);
    }

    static constexpr virtual_span never_joined = INT64_MIN;

    struct place {
        atomic<virtual_span> offset{never_joined};  // changed under the lock
        // The u that is in the sums, or else when it left, in ns; under the lock.
        virtual_time accounted = 0;
    };

    // The first cache line holds all that a turn in the async queue touches.
    alignas(64) atomic<virtual_time> u_{0};
    // The weights in the sums, 0 while suspended; under the locks.
    std::array<fixed_weight, queues> weight_in_{};
    atomic<fixed_weight> weight_;
    std::array<std::uint16_t, queues> members_{};  // lane_sets counted in; under the locks
    std::array<spinlock, queues> locks_;
    atomic<latency> latency_;
    std::array<place, queues> places_{};
};
static_assert(sizeof(tenant_share) == 128);

}  // namespace drama::inline v0
