// SPDX-License-Identifier: Apache-2.0
// Who pays what where several resources and groups of tenants count: a tenant is charged for its
// dominant resource (DRF; within an epoch others ride along, across epochs nothing is remembered),
// and its weight is that of its place in the groups.
#pragma once

#include <array>
#include <cstdint>

#include "drama/base/export.hpp"
#include "drama/base/spinlock.hpp"
#include "drama/base/work.hpp"
#include "drama/sched/account/share_groups.hpp"
#include "drama/sched/tenant_share.hpp"

namespace drama::inline v0 {

/// A tenant's share with what a ledger keeps of it.
///
/// Threads: as tenant_share; a charge takes a spinlock.
class accounted_share : public tenant_share {
  public:
    explicit accounted_share(double weight = 1.0, latency setting = latency::normal,
                             share_groups::group_id group = share_groups::root) noexcept
        : tenant_share(weight, setting), own_weight_(weight), group_(group) {}

    double own_weight() const noexcept { return own_weight_; }
    share_groups::group_id group() const noexcept { return group_; }

  private:
    friend class share_ledger;

    double own_weight_;
    share_groups::group_id group_;
    atomic<std::uint32_t> queues_joined_{0};
    spinlock lock_;  // guards the rest
    std::int64_t epoch_ = -1;
    std::array<std::int64_t, resources> used_{};  // priced ns of the whole resource, this epoch
    std::int64_t dominant_ = 0;                   // the most of them
};

/// One for all queues that draw on the same tenants. Every share in a queue with a ledger is an
/// accounted_share.
///
/// Complexity: O(depth of groups). Never allocates.
/// Threads:    update() by one at a time, the rest from any.
class DRAMA_API share_ledger {
  public:
    /// Within one, a tenant's resources dovetail.
    static constexpr duration epoch = 10ms;
    static constexpr double price_min = 1.0 / 16;

    /// How resources are weighed against each other: strictly (DRF: a share of one is worth the
    /// same share of another), or by price, so that what nobody waits for is nearly free.
    enum class mode : std::uint8_t { strict, priced };

    explicit share_ledger(share_groups& groups, mode weighing = mode::strict) noexcept
        : groups_(&groups), mode_(weighing) {
        capacities_.fill(1);
        for (auto& each : prices_) {
            each.store(1, std::memory_order_relaxed);
        }
    }

    /// How many servers `of` has. All shares of resources are in seconds of cpu's servers.
    void set_capacity(resource of, double servers) noexcept {
        capacities_[static_cast<std::size_t>(of)] = servers;
    }
    double price(resource of) const noexcept {
        return prices_[static_cast<std::size_t>(of)].load(std::memory_order_relaxed);
    }
    /// Tells whether anybody waits for `of`, at most every clock period or so; moves its price.
    void observe(resource of, bool has_waiters, duration since_last) noexcept;

    /// The tenant has work in one queue more, or in one less. Refreshes its weight.
    void join(tenant_share& share) noexcept;
    void leave(tenant_share& share) noexcept;
    /// Charges `used` of a server's time. Nothing, if another resource was used more this epoch.
    void charge(tenant_share& share, resource of, duration used, instant now) noexcept;

    /// Corrects the groups if that is due. Queues call it as they correct their clock.
    void maybe_update(instant now) noexcept;

  private:
    void refresh(accounted_share& share) noexcept {
        share.set_weight(share.own_weight_ * groups_->scale(share.group_));
    }

    share_groups* groups_;
    mode mode_;
    std::array<double, resources> capacities_{};
    std::array<atomic<double>, resources> prices_{};
    atomic<bool> is_updating_{false};
};

/// The resource that a queue's servers are.
constexpr resource resource_of(queue_id queue) noexcept {
    switch (queue) {
        case queue_id::async:
        case queue_id::compute:
            return resource::cpu;
        case queue_id::blocking:
            return resource::blocking;
        case queue_id::disk:
            return resource::disk;
        case queue_id::net:
            return resource::net;
    }
    return resource::cpu;
}

}  // namespace drama::inline v0
