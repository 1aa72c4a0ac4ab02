// SPDX-License-Identifier: Apache-2.0
// One fair queue: the policy object that decides which tenant is served next, spread over shards
// that share one clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdint>
#include <memory>
#include <vector>

#include "drama/base/atomic.hpp"
#include "drama/base/export.hpp"
#include "drama/sched/fair_clock.hpp"
#include "drama/sched/fair_shard.hpp"

namespace drama::inline v0 {

/// Threads:  each shard under its core's lock; the rest from any thread.
/// Lifetime: outlives no tenant: all lane sets are absent when it is destroyed.
class DRAMA_API fair_queue {
  public:
    /// With a `ledger`, all shares here are accounted_shares, and it says what they pay.
    fair_queue(policy order, std::size_t shard_count, queue_id id, share_ledger* ledger = nullptr);
    fair_queue(const fair_queue&) = delete;
    fair_queue& operator=(const fair_queue&) = delete;

    std::size_t shard_count() const noexcept { return shards_.size(); }
    fair_shard& shard(std::size_t index) noexcept { return *shards_[index]; }
    const fair_shard& shard(std::size_t index) const noexcept { return *shards_[index]; }
    const fair_clock& clock() const noexcept { return clock_; }
    policy order() const noexcept { return policy_; }
    queue_id id() const noexcept { return id_; }
    /// Off: all work counts as of one class, so that a tenant's goes in the order of arrival.
    /// Requires: nothing is queued.
    void set_class_order(bool is_on) noexcept;
    share_ledger* ledger() const noexcept { return ledger_; }

    /// Corrects the clock if that is due and nobody else does. Picks call it; who serves none
    /// may. Complexity: a load, or O(shards) once per clock_period.
    void maybe_update(instant now) noexcept {
        if (clock_.is_due(now)) {
            update(now);
        }
    }

    /// True if a worker whose own earliest deadline is `own` had better serve one that is due at
    /// `other`: earlier by more than the steal window. Either may be no_deadline.
    bool is_worth_stealing(virtual_time own, virtual_time other) const noexcept;

    /// The shard whose most urgent tenant the worker of `own` had better serve in its `turn`-th
    /// turn, or `own`. Up to four shards are compared each turn; of more, the one that was most
    /// urgent at the last correction of the clock, every eighth turn one in rotation, and all while
    /// nobody in `own` is eligible: to borrow ahead of the clock comes last. Complexity: O(1),
    /// O(shards) where nobody is eligible.
    std::size_t shard_to_help(std::size_t own, std::uint64_t turn) const noexcept;

    /// Where work had better wait that comes from outside, while nobody idles: at `last`, which had
    /// the tenant last, or at `other`, if what runs and would run next there is due later.
    std::size_t less_urgent_of(std::size_t last, std::size_t other) const noexcept;

    /// How far the clock is ahead of the mean of the members, where it is. It runs ahead when
    /// servers stop between two corrections; who joined at it would stand behind tenants that had
    /// their share. Beyond four shards 0, for the cost. Complexity: O(1).
    virtual_span members_behind(virtual_time clock) const noexcept;

    /// `lost` of a server's time served nobody: the clock goes that much slower. Threads: any.
    void note_lost(duration lost) noexcept { clock_.note_lost(lost); }

    /// Tenants of `weight` (1/1024) use the servers' CPUs beside the members. Threads: any.
    void note_outside(std::int64_t weight) noexcept { clock_.note_outside(weight); }

    /// Items queued in all shards (a hint).
    std::size_t size() const noexcept;
    /// The members' sums over all shards: what the clock is steered by.
    clock_sums sums() const noexcept;

  private:
    static constexpr std::size_t shards_looked_at = 4;  // by everybody, each time

    void update(instant now) noexcept;
    void publish_most_urgent() noexcept;

    policy policy_;
    queue_id id_;
    share_ledger* ledger_;
    fair_clock clock_;
    std::vector<std::unique_ptr<fair_shard>> shards_;
    atomic<std::uint32_t> most_urgent_{0};  // a hint, written by the clock's leader
};

}  // namespace drama::inline v0
