// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/account/service_tags.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "drama/sched/pool_order.hpp"

namespace drama {
namespace {

constexpr instant begin{1s};

TEST(ServiceTags, ReservationIsDueAtItsPaceAndSharesPayItsWay) {
    service_tags tags;
    tags.set({.reserved = 0.5, .limit = 0});
    tags.join(begin);

    EXPECT_TRUE(tags.is_due(begin));
    tags.start(1ms, true, begin);
    EXPECT_FALSE(tags.is_due(begin + 1999us));
    EXPECT_TRUE(tags.is_due(begin + 2ms));
    tags.start(1ms, false, begin + 2ms);  // its share served it
    EXPECT_TRUE(tags.is_due(begin + 2ms));
}

TEST(ServiceTags, LimitHoldsBackAndIdleTimeEarnsNothing) {
    service_tags tags;
    tags.set({.reserved = 0, .limit = 0.25});
    tags.join(begin);

    tags.start(1ms, false, begin);
    EXPECT_FALSE(tags.is_allowed(begin + 3ms));
    EXPECT_TRUE(tags.is_allowed(begin + 4ms));
    tags.join(begin + 1s);
    tags.start(1ms, false, begin + 1s);
    EXPECT_FALSE(tags.is_allowed(begin + 1s + 3ms));
}

TEST(ServiceTags, RealCostsReplaceExpectedOnes) {
    service_tags tags;
    tags.set({.reserved = 0.5, .limit = 1});
    tags.join(begin);
    tags.start(1ms, true, begin);
    tags.settle(1ms, true);

    EXPECT_EQ(tags.due(), begin + 4ms);
    EXPECT_EQ(tags.allowed(), begin + 2ms);
}

/// Tenants that always have items of 1 ms on four servers, a step a millisecond.
class reserved_pool {
  public:
    struct tenant {
        explicit tenant(double weight) : share(weight) {}
        tenant_share share;
        pool_lanes lanes{share};
        std::deque<pool_item> items;
        double served = 0;
    };

    tenant& add(double weight, service_rates rates) {
        tenant& made = tenants.emplace_back(weight);
        made.lanes.set_rates(rates);
        for (int i = 0; i != 6; ++i) {
            push(made, made.items.emplace_back());
        }
        return made;
    }
    void run(int steps, std::uint32_t servers = 4) {
        for (; steps != 0; --steps) {
            std::vector<pool_grant> running;
            for (std::uint32_t s = 0; s != servers; ++s) {
                if (pool_grant grant = order.pick(s, now)) {
                    running.push_back(grant);
                }
            }
            idle += static_cast<int>(servers - running.size());
            now += 1ms;
            for (pool_grant& each : running) {
                pool_item& item = *each.item;
                order.settle(each, 1ms, now);
                for (tenant& owner : tenants) {
                    if (&owner.lanes == each.lanes) {
                        owner.served += 1;
                        push(owner, item);
                    }
                }
            }
        }
    }
    void drain() {
        for (tenant& each : tenants) {
            for (pool_item& item : each.items) {
                if (item.stands_in.load() != nullptr) {
                    order.remove(each.lanes, item, now);
                }
            }
        }
    }

    std::deque<tenant> tenants;
    pool_order order{policy::fair, 4, queue_id::disk};
    instant now = begin;
    int idle = 0;

  private:
    void push(tenant& to, pool_item& item) {
        item.known_cost = 1ms;
        order.push(to.lanes, item, now);
    }
};

TEST(PoolOrderTags, ReservationHoldsAlsoWhenServersAreLost) {
    reserved_pool pool;
    auto& promised = pool.add(1, {.reserved = 1.2, .limit = 0});
    auto& heavy = pool.add(9, {});
    pool.run(1'000);
    EXPECT_NEAR(promised.served, 1'200, 15);
    EXPECT_NEAR(heavy.served, 2'800, 15);

    promised.served = 0;
    pool.run(1'000, 2);
    EXPECT_NEAR(promised.served, 1'200, 15);
    EXPECT_EQ(pool.idle, 0);
    pool.drain();
}

TEST(PoolOrderTags, ReservationBelowTheShareChangesNothing) {
    reserved_pool pool;
    auto& promised = pool.add(1, {.reserved = 0.5, .limit = 0});
    pool.add(1, {});
    pool.run(1'000);
    EXPECT_NEAR(promised.served, 2'000, 20);
    pool.drain();
}

TEST(PoolOrderTags, LimitHoldsAlsoWhileServersIdleAndNextAllowedSaysWhen) {
    reserved_pool pool;
    auto& held = pool.add(1, {.reserved = 0, .limit = 0.5});
    pool.run(1'000);
    EXPECT_NEAR(held.served, 500, 3);
    EXPECT_GT(pool.idle, 3'000);

    while (pool_grant grant = pool.order.pick(0, pool.now)) {
        pool.order.settle(grant, 1ms, pool.now);
    }
    ASSERT_NE(pool.order.next_allowed(), never);
    EXPECT_FALSE(pool.order.pick(0, pool.order.next_allowed() - 1ns));
    pool_grant grant = pool.order.pick(0, pool.order.next_allowed());
    ASSERT_TRUE(grant);
    pool.order.settle(grant, 1ms, pool.now);
    pool.drain();
}

}  // namespace
}  // namespace drama
