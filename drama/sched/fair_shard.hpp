// SPDX-License-Identifier: Apache-2.0
// The part of a fair queue that one core holds: which of its tenants runs next (EEVDF), and which
// of that tenant's items. Pure policy: the caller passes the time and does the running.
#pragma once

#include <cstddef>
#include <cstdint>

#include "drama/base/atomic.hpp"
#include "drama/base/export.hpp"
#include "drama/sched/arrival_order.hpp"
#include "drama/sched/deadline_groups.hpp"
#include "drama/sched/fair_clock.hpp"
#include "drama/sched/lane_set.hpp"
#include "drama/sched/account/share_ledger.hpp"

namespace drama::inline v0 {

class fair_queue;

/// What orders a queue. `fifo` differs in nothing but the order: turns and charges are the same.
enum class policy : std::uint8_t { fair, fifo };

/// What one pick grants: `lanes` may run until `ends`, or until it has no work.
struct turn {
    lane_set* lanes = nullptr;
    instant ends = long_ago;

    explicit operator bool() const noexcept { return lanes != nullptr; }
};

/// Tenants with work on one core.
///
/// A tenant is eligible while its service is not ahead of the clock; among the eligible the
/// earliest virtual deadline wins; if none is, the one that is least ahead borrows.
/// Protocol: pick, any number of pops and pushes, settle; then pick again.
///
/// Complexity: O(1); allocates only in push(), and only under fifo.
/// Threads:    all under the owning core's lock, except earliest_deadline(), size() and sums().
/// Lifetime:   empty when destroyed.
class DRAMA_API fair_shard {
  public:
    fair_shard(fair_queue& queue, fair_clock& clock, queue_id id, policy order,
               share_ledger* ledger) noexcept
        : queue_(&queue), clock_(&clock), ledger_(ledger), id_(id), policy_(order) {}
    fair_shard(const fair_shard&) = delete;
    fair_shard& operator=(const fair_shard&) = delete;

    /// As fair_queue::set_class_order.
    void set_class_order(bool is_on) noexcept { has_classes_ = is_on; }

    /// Queues `item` in its class lane and stamps it; `lanes` joins if it was absent. True if the
    /// new work should run before the running turn goes on, so that the turn had better end.
    bool push(lane_set& lanes, work_item& item, instant now);

    /// Queues an item that would have run next, had the turn of `lanes` not ended: before the
    /// others, so that trees of tasks are walked in depth across turns; every eighth time behind
    /// them, so that others wait a few turns at most. Requires: their turn is running.
    void put_back(lane_set& lanes, work_item& item, instant now);

    /// Starts the next turn; an empty one if there is no work. Requires: none is running.
    [[nodiscard]] turn pick(instant now) noexcept;

    /// Whose turn may be next, to ask for its memory; or nullptr. Requires: pick() came last.
    const lane_set* likely_next() const noexcept {
        return running_ == nullptr ? nullptr : running_->following_;
    }

    /// The running turn's next item, or nullptr if it has none that is due to it.
    [[nodiscard]] work_item* pop(lane_set& lanes, instant now) noexcept;

    /// Takes `item` out of turn, if it stands in the lanes of the running turn; false: it does not.
    bool remove(lane_set& lanes, work_item& item) noexcept;

    /// Queues `item` of the running turn's tenant, which has waited since its queued_at.
    void append(lane_set& lanes, work_item& item);

    /// True if who stands at `position`, with a request that is due at `deadline`, would be picked
    /// before all that waits here; false if nothing does. Requires: no turn is running.
    [[nodiscard]] bool gives_way_to(virtual_time position, virtual_time deadline,
                                    instant now) noexcept;

    /// False: nobody serves this shard for a while, though there is work; the clock must not run on
    /// for it.
    void set_served(bool is_served, instant now) noexcept;

    /// The CPU was left to `whom`, who is served elsewhere, from `since` until now.
    void note_left_to(const tenant_share& whom, instant since, instant now) noexcept {
        served_.note(whom, now - since, now);
    }

    /// Ends the running turn: charges `used`, and requeues `lanes` if it has more work. A tenant
    /// that leaves keeps its debt.
    void settle(lane_set& lanes, duration used, instant now) noexcept;

    /// The lane set that a thief had better take from, or nullptr: earliest deadline of those that
    /// are not running or have more than one item.
    [[nodiscard]] lane_set* steal_candidate(instant now) noexcept;

    /// Moves half of `from`'s items, at least one and at most `max`, in the order in which they
    /// would be served, to `to` on another core. `from` and `to` are of one tenant. Returns how
    /// many. Threads: both cores' locks.
    std::size_t steal(lane_set& from, lane_set& to, fair_shard& to_shard, std::size_t max,
                      instant now);

    /// Items queued here. Threads: any (a hint).
    std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

    /// The deadline of what would run next, or no_deadline; under fifo when it was queued, in the
    /// same units. Compare with `before`, after no_deadline. Threads: any (a hint).
    virtual_time earliest_deadline() const noexcept {
        return earliest_.load(std::memory_order_relaxed);
    }

    /// The earliest of that and the deadline of the running turn: one that is due earlier would
    /// run at once. no_deadline if nothing runs or waits. Threads: any (a hint).
    virtual_time earliest_with_running() const noexcept {
        const virtual_time waits = earliest_deadline();
        const virtual_time runs = running_deadline_.load(std::memory_order_relaxed);
        return waits == no_deadline || (runs != no_deadline && before(runs, waits)) ? runs : waits;
    }

    /// How long what would run next has been queued; zero if there is nothing.
    duration head_wait(instant now) noexcept;

    /// Adds this shard's part to `into`. Threads: any.
    void add_sums(clock_sums& into) const noexcept;

    /// Who was served here of late.
    const served_ring& served() const noexcept { return served_; }

    /// Tenants with work here, the running one included.
    std::size_t members() const noexcept { return members_.load(std::memory_order_relaxed); }

  private:
    using state = lane_set::state;

    virtual_span slice(const lane_set& lanes, work_class cls) const noexcept {
        const tenant_share& share = *lanes.share_;
        return to_virtual(clock_->scaled_slice(slice_of(cls, share.latency_setting())),
                          share.weight());
    }
    virtual_time position(const lane_set& lanes) const noexcept {
        return lanes.share_->position(id_);
    }
    work_class class_of(const work_item& item) const noexcept {
        return has_classes_ ? item.cls : work_class::read;
    }
    std::size_t lane_of(const work_item& item) const noexcept {
        return policy_ == policy::fifo ? 0 : static_cast<std::size_t>(class_of(item));
    }

    void join(lane_set& lanes, work_class cls, virtual_time clock, instant now);
    void begin_hold(lane_set& lanes, instant now) noexcept;
    void leave(lane_set& lanes, instant now) noexcept;
    bool suspend_or_forgive(lane_set& lanes, virtual_span excess) noexcept;
    void resume(lane_set& lanes) noexcept;
    void enqueue(lane_set& lanes) noexcept;
    void insert(lane_set& lanes, virtual_time position, virtual_span request) noexcept;
    void unlink(lane_set& lanes) noexcept;
    void hasten(lane_set& lanes, virtual_time deadline) noexcept;
    lane_set* next(virtual_time clock) noexcept;
    lane_set* first_in_line(virtual_time clock) noexcept;
    bool outranks_running(const lane_set& lanes, virtual_time clock) const noexcept;

    void apply(const sums_change& change) noexcept;
    void note_weight(std::int64_t change) noexcept;
    void publish_earliest() noexcept;
    void publish_oldest() noexcept;
    void add_size(std::ptrdiff_t change) noexcept {
        size_.store(size_.load(std::memory_order_relaxed) + static_cast<std::size_t>(change),
                    std::memory_order_relaxed);
    }

    alignas(64) fair_queue* queue_;
    fair_clock* clock_;
    share_ledger* ledger_;
    queue_id id_;
    policy policy_;
    bool has_classes_ = true;
    lane_set* running_ = nullptr;
    deadline_groups groups_;  // fair only
    deadline_groups far_;     // fair only: who is many requests ahead, in slots as wide as that
    arrival_order arrivals_;  // fifo only
    virtual_time clock_seen_ = 0;
    std::uint32_t seen_generation_ = 0;
    std::int64_t unseen_weight_ = 0;  // joined less left since that generation
    served_ring served_;

    // Written under the core's lock, read by thieves and by the clock's leader. sequence_ is odd
    // while moment_ and weight_ do not belong together.
    alignas(64) atomic<virtual_time> earliest_{no_deadline};
    atomic<virtual_time> running_deadline_{no_deadline};
    atomic<std::size_t> size_{0};
    atomic<std::uint32_t> sequence_{0};
    atomic<std::uint32_t> members_{0};
    atomic<bool> is_served_{true};
    atomic<std::uint64_t> moment_{0};
    atomic<std::int64_t> weight_{0};
};

}  // namespace drama::inline v0
