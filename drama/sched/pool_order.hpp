// SPDX-License-Identifier: Apache-2.0
// The order in which a pool of threads takes functions that run to their end (compute, blocking):
// 2DFQ with estimated costs on the tenants' shares. A start is charged by what it is expected to
// cost, in this queue alone; the real cost, in all queues, follows while it runs and at its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "drama/base/export.hpp"
#include "drama/sched/arrival_order.hpp"
#include "drama/sched/estimate_table.hpp"
#include "drama/sched/fair_clock.hpp"
#include "drama/sched/fair_shard.hpp"
#include "drama/sched/lane_set.hpp"
#include "drama/sched/account/hold_watch.hpp"
#include "drama/sched/account/service_tags.hpp"
#include "drama/sched/account/share_ledger.hpp"
#include "drama/sched/virtual_heap.hpp"

namespace drama::inline v0 {

/// A queued function.
struct pool_item : work_item {
    spawn_site site = 0;
    /// What it will cost, where that is known: nothing is estimated then. Units: the server's time.
    duration known_cost{};
};

/// One tenant's functions in one pool. Lifetime: as lane_set; nothing of it runs when destroyed.
class pool_lanes : public lane_set {
  public:
    using lane_set::lane_set;
    const estimate_table& estimates() const noexcept { return estimates_; }
    /// What the tenant is promised and allowed here. Requires: it has no work in the pool.
    void set_rates(service_rates rates) noexcept { tags_.set(rates); }

  private:
    friend class pool_order;
    estimate_table estimates_;
    service_tags tags_;
    std::uint32_t reserved_index_ = 0;  // while it waits and has a reservation
};

/// A function that was started, until it is settled.
struct pool_grant {
    pool_lanes* lanes = nullptr;
    pool_item* item = nullptr;
    spawn_site site = 0;
    duration expected{};
    duration charged{};     ///< real cost charged so far
    instant charged_at{};   ///< when that was
    virtual_span held = 0;  ///< expected cost per weight that the real one has not replaced yet
    fixed_weight weight = 0;
    bool is_estimated = true;
    bool by_reservation = false;

    explicit operator bool() const noexcept { return item != nullptr; }
};

/// Tenants with functions that wait for, or run on, one of `servers` threads.
///
/// On server j of N a tenant is eligible while its position, less j/N of what its next function
/// should cost, is not ahead of the clock; the earliest expected finish wins. So small functions
/// gather on the high servers and large ones leave these free. If none is eligible, the tenant that
/// is least ahead borrows. Several functions of one tenant may run at once.
///
/// A tenant whose reservation is due goes before all that; one that has had what its limit allows
/// waits for next_allowed(), even while servers idle.
///
/// Complexity: O(log n) in tenants, O(n) in those that wait and have a reservation, and a look at
///             most at 256 that are ahead; allocates in push().
/// Threads:    the caller's lock; size() and earliest_deadline() from any.
class DRAMA_API pool_order {
  public:
    /// `cheapness`: how much less a server's second weighs in an account than a second of CPU.
    /// With a `ledger`, all shares here are accounted_shares, and it says what they pay.
    pool_order(policy order, std::uint32_t servers, queue_id id, std::uint32_t cheapness = 1,
               share_ledger* ledger = nullptr) noexcept
        : clock_(servers, cheapness),
          servers_(servers),
          cheapness_(cheapness),
          id_(id),
          policy_(order),
          ledger_(ledger),
          holds_(servers),
          prior_(duration(1ms) / cheapness) {}
    pool_order(const pool_order&) = delete;
    pool_order& operator=(const pool_order&) = delete;

    /// As fair_queue::set_class_order.
    void set_class_order(bool is_on) noexcept { has_classes_ = is_on; }
    /// Queues and stamps `item`.
    void push(pool_lanes& lanes, pool_item& item, instant now);
    /// Takes back an item that waits. Requires: it was pushed to `lanes` and not picked since.
    /// Complexity: O(items that the tenant has before it), under fifo O(runs of one tenant's
    /// items).
    void remove(pool_lanes& lanes, pool_item& item, instant now) noexcept;
    /// Takes the function that `server`, of 0 to servers - 1, had better run; empty if none waits.
    [[nodiscard]] pool_grant pick(std::uint32_t server, instant now) noexcept;
    /// The same for servers that are kept free for newcomers: only a tenant under its share is
    /// served, one that runs less than if one more of its weight were there. Empty if none waits.
    [[nodiscard]] pool_grant pick_under_share(std::uint32_t server, instant now) noexcept;
    /// True if the tenant runs fewer functions than it might if one more of its weight were there.
    bool is_under_share(const lane_set& lanes) const noexcept;
    /// What has held back, until now, the tenant's function that is next; nothing is noted of it
    /// before it starts.
    hold_watch::judgement hold_so_far(const pool_lanes& lanes, instant now) const noexcept;
    /// Charges what a running function has used so far, so that a stuck one keeps paying.
    /// Units: `used` is the server's time, here and in settle().
    void refresh(pool_grant& grant, duration used, instant now) noexcept;
    /// Charges the real cost and learns from it. The item itself is not touched.
    void settle(pool_grant& grant, duration used, instant now) noexcept;

    /// Functions that wait. Threads: any (a hint).
    std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
    /// The expected finish of what would run next, or no_deadline. Threads: any (a hint).
    virtual_time earliest_deadline() const noexcept {
        return earliest_.load(std::memory_order_relaxed);
    }
    /// When the first of the tenants that wait for their limits alone may be served; `never` if
    /// none does. Whoever found nothing to pick looks again then.
    instant next_allowed() const noexcept {
        return limited_.empty() ? never : instant(duration(limited_.front().key));
    }
    /// How long what would run next has waited; zero if nothing does.
    duration head_wait(instant now) noexcept;
    /// What server 0 would run next, or nullptr.
    const pool_item* peek(instant now) noexcept;
    /// How many functions run of the tenant whose function server 0 would run next.
    std::uint32_t next_in_service(instant now) noexcept;
    /// Functions that run.
    std::uint32_t running() const noexcept { return running_; }
    const fair_clock& clock() const noexcept { return clock_; }
    /// What it knows of why its tenants wait.
    hold_watch& holds() noexcept { return holds_; }
    /// The server's time that nine of ten functions stay below: what an unknown one is expected to
    /// take.
    duration prior() const noexcept { return prior_ * cheapness_; }

  private:
    using state = lane_set::state;

    virtual_time position(const lane_set& lanes) const noexcept {
        return lanes.share_->position(id_);
    }
    std::size_t lane_of(const pool_item& item) const noexcept {
        if (policy_ == policy::fifo) {
            return 0;
        }
        return static_cast<std::size_t>(has_classes_ ? item.cls : work_class::read);
    }
    duration cost_of(const pool_lanes& lanes, const pool_item& item) const noexcept;
    duration expected(const pool_lanes& lanes) const noexcept;
    virtual_span request(const pool_lanes& lanes) const noexcept;
    void enqueue(pool_lanes& lanes, virtual_time clock, instant now) noexcept;
    void unlink(pool_lanes& lanes) noexcept;
    void place(pool_lanes& lanes, virtual_time clock, instant now) noexcept;
    pool_lanes* next(std::uint32_t server, virtual_time clock, instant now) noexcept;
    pool_lanes* next_by_share(std::uint32_t server, virtual_time clock, instant now) noexcept;
    pool_lanes* next_reserved(instant now) noexcept;
    void join(pool_lanes& lanes, const pool_item& item, virtual_time clock, instant now);
    pool_lanes* next_under_share(virtual_time clock, instant now) noexcept;
    hold_watch::start held_start(const pool_lanes& lanes, instant queued_at,
                                 std::size_t waiting) const noexcept;
    void note_hold(pool_lanes& lanes, const pool_item& started, instant now) noexcept;
    pool_grant start(pool_lanes* lanes, instant now, virtual_time clock) noexcept;
    pool_lanes* best_ahead(std::uint32_t server, virtual_time clock, pool_lanes* best) noexcept;
    pool_lanes* least_ahead() noexcept;
    void release_eligible(virtual_time clock, instant now) noexcept;
    void release_allowed(virtual_time clock, instant now) noexcept;
    void pay(tenant_share& share, duration used, instant now) noexcept;
    void charge(pool_grant& grant, duration used, virtual_span release, instant now) noexcept;
    void learn_prior(duration cost) noexcept;
    void apply(const sums_change& change) noexcept;
    void maybe_update(instant now) noexcept;
    void publish() noexcept;

    fair_clock clock_;
    std::uint32_t servers_;
    std::uint32_t cheapness_;
    std::uint32_t running_ = 0;
    std::uint32_t members_ = 0;
    queue_id id_;
    policy policy_;
    bool has_classes_ = true;
    share_ledger* ledger_;
    instant observed_at_ = long_ago;
    virtual_heap eligible_;              // by expected finish
    virtual_heap waiting_;               // ahead of the clock, by position
    virtual_heap limited_;               // by when their limits allow them
    std::vector<pool_lanes*> reserved_;  // who waits and has a reservation, in no order
    arrival_order arrivals_;             // fifo only
    hold_watch holds_;
    duration prior_;
    std::uint64_t moment_ = 0;
    std::int64_t weight_ = 0;
    std::uint64_t held_moment_ = 0;     // of weight times what running functions hold
    std::uint64_t charged_at_sum_ = 0;  // ns, over running functions
    atomic<std::size_t> size_{0};
    atomic<virtual_time> earliest_{no_deadline};
};

}  // namespace drama::inline v0
