// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/pool_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <functional>
#include <vector>

#include "drama/base/prng.hpp"

namespace drama {
namespace {

struct job : pool_item {
    duration cost{};
    std::size_t tenant = 0;
};

/// A pool of servers in virtual time; tenants that always have work, and single arrivals.
class pool {
  public:
    pool(policy rule, std::uint32_t servers, std::uint64_t seed = 1, std::uint32_t cheapness = 1)
        : random(seed), order(rule, servers, queue_id::compute, cheapness), running_(servers) {}
    ~pool() {
        for (auto& each : running_) {
            if (each) {
                order.settle(each, 1us, now);
            }
        }
        while (pool_grant grant = order.pick(0, now)) {
            order.settle(grant, 1us, now);
        }
    }

    struct tenant {
        tenant(double weight, std::function<duration()> draw)
            : share(weight), cost(std::move(draw)) {}
        tenant_share share;
        pool_lanes lanes{share};
        std::function<duration()> cost;  // of the job that replaces a finished one
        duration served{};
        std::size_t finished = 0;
        std::vector<duration> latencies;  // queued to finished
    };

    tenant& add(double weight, std::function<duration()> cost = {}, std::size_t backlog = 0) {
        tenant& made = tenants.emplace_back(weight, std::move(cost));
        for (std::size_t i = 0; i != backlog; ++i) {
            push(tenants.size() - 1, made.cost());
        }
        return made;
    }
    void push(std::size_t to, duration cost, spawn_site site = 1) {
        job& made = jobs.emplace_back();
        made.cost = cost;
        made.tenant = to;
        made.site = site;
        order.push(tenants[to].lanes, made, now);
    }

    /// Runs until `end`; `arrive` is called at each of its own times and returns the next.
    void run_until(instant end, instant next_arrival = never,
                   const std::function<instant()>& arrive = {}) {
        for (;;) {
            fill();
            std::size_t first = 0;
            for (std::size_t s = 1; s != running_.size(); ++s) {
                first = ends_at(s) < ends_at(first) ? s : first;
            }
            const instant next = std::min(ends_at(first), next_arrival);
            if (next > end) {
                now = end;
                return;
            }
            now = next;
            if (next == next_arrival) {
                next_arrival = arrive();
            } else {
                finish(first);
            }
        }
    }

    prng random;
    pool_order order;
    std::deque<tenant> tenants;
    std::deque<job> jobs;
    instant now = instant(1s);
    std::vector<std::vector<std::size_t>> started;  // tenants by server, if record
    bool record = false;

  private:
    instant ends_at(std::size_t server) const {
        const pool_grant& grant = running_[server];
        return grant ? starts_[server] + static_cast<job*>(grant.item)->cost : never;
    }
    void fill() {
        starts_.resize(running_.size());
        started.resize(running_.size());
        for (std::size_t s = running_.size(); s-- != 0;) {
            if (!running_[s]) {
                running_[s] = order.pick(static_cast<std::uint32_t>(s), now);
                starts_[s] = now;
                if (record && running_[s]) {
                    started[s].push_back(static_cast<job*>(running_[s].item)->tenant);
                }
            }
        }
    }
    void finish(std::size_t server) {
        auto& done = *static_cast<job*>(running_[server].item);
        order.settle(running_[server], done.cost, now);
        tenant& owner = tenants[done.tenant];
        owner.served += done.cost;
        ++owner.finished;
        owner.latencies.push_back(now - done.queued_at);
        if (owner.cost) {
            done.cost = owner.cost();
            order.push(owner.lanes, done, now);
        }
    }

    std::vector<pool_grant> running_;
    std::vector<instant> starts_;
};

std::function<duration()> always(duration cost) {
    return [cost] { return cost; };
}

std::uint64_t seed_of(std::uint64_t fallback) {
    const char* given = std::getenv("DRAMA_SEED");
    return given == nullptr ? fallback : std::strtoull(given, nullptr, 10);
}

duration percentile(std::vector<duration> samples, double p) {
    std::sort(samples.begin(), samples.end());
    return samples[static_cast<std::size_t>(p * static_cast<double>(samples.size() - 1))];
}

// Mace et al. 2016, figures 5 and 6: A and B of size 1, C and D of size 4, on two servers.
TEST(PoolOrder, SmallFunctionsGatherOnTheHighServerAndLargeOnesOnTheLow) {
    pool p(policy::fair, 2);
    for (const duration cost : {1ms, 1ms, 4ms, 4ms}) {
        p.add(1, always(cost), 4);
    }
    p.run_until(p.now + 400ms);  // costs are learnt
    p.record = true;
    p.run_until(p.now + 400ms);

    std::size_t small_on_high = 0;
    for (const std::size_t tenant : p.started[1]) {
        small_on_high += tenant < 2 ? 1 : 0;
    }
    std::size_t large_on_low = 0;
    for (const std::size_t tenant : p.started[0]) {
        large_on_low += tenant >= 2 ? 1 : 0;
    }
    EXPECT_GE(small_on_high * 10, p.started[1].size() * 9);
    EXPECT_GE(large_on_low * 10, p.started[0].size() * 9);
    for (const auto& each : p.tenants) {
        EXPECT_NEAR(std::chrono::duration<double>(each.served).count(), 0.4, 0.02);
    }
}

TEST(PoolOrder, SharesFollowWeightsWhateverTheCosts) {
    const std::uint64_t seed = seed_of(7);
    SCOPED_TRACE(::testing::Message() << "seed=" << seed);
    pool p(policy::fair, 4, seed);
    for (const double weight : {1.0, 2.0, 4.0}) {
        for (const double mean : {0.3e6, 3e6, 10e6}) {
            p.add(
                weight,
                [&p, mean] {
                    return duration(
                        static_cast<std::int64_t>(1 - mean * std::log(1 - p.random.unit())));
                },
                6);
        }
    }
    p.run_until(p.now + 60s);

    const double fair = 60.0 * 4 / 21;
    for (const auto& each : p.tenants) {
        const double weight = static_cast<double>(each.share.weight()) / fixed_weight_one;
        EXPECT_NEAR(std::chrono::duration<double>(each.served).count(), fair * weight, 0.15);
    }
}

// The p99 latency of 1 ms functions, beside four tenants with four of 80 ms each at any time.
duration small_p99(policy order, std::uint64_t seed, std::uint32_t cheapness = 1) {
    pool p(order, 4, seed, cheapness);
    p.add(1);
    for (int i = 0; i != 4; ++i) {
        p.add(1, always(80ms), 4);
    }
    p.run_until(p.now + 60s, p.now, [&] {
        p.push(0, 1ms);
        return p.now + duration(static_cast<std::int64_t>(-10e6 * std::log(1 - p.random.unit())));
    });
    return percentile(p.tenants[0].latencies, 0.99);
}

TEST(PoolOrder, SmallFunctionsOvertakeLargeOnesUnderTheFairPolicy) {
    const std::uint64_t seed = seed_of(3);
    SCOPED_TRACE(::testing::Message() << "seed=" << seed);

    const duration fair = small_p99(policy::fair, seed);
    const duration fifo = small_p99(policy::fifo, seed);

    EXPECT_LT(fair, 82ms);  // no server is preempted: the wait for the next one to be free
    EXPECT_LT(fair * 4, fifo) << fair.count() << " against " << fifo.count() << " ns";
}

// The clock and what running functions hold must be in the unit of the charges: a clock that runs
// at the servers' pace puts whoever joins behind everybody who waits.
TEST(PoolOrder, SmallFunctionsOvertakeLargeOnesWhereServersAreCheap) {
    const std::uint64_t seed = seed_of(3);
    SCOPED_TRACE(::testing::Message() << "seed=" << seed);

    EXPECT_LT(small_p99(policy::fair, seed, 64), 82ms);
}

TEST(PoolOrder, CheapServersAreChargedLess) {
    pool p(policy::fair, 4, 1, 64);
    pool::tenant& a = p.add(1);
    p.push(0, 64ms);

    pool_grant grant = p.order.pick(0, p.now);
    p.order.refresh(grant, 32ms, p.now + 32ms);
    EXPECT_EQ(a.share.service(), to_virtual(duration(32ms) / 64, a.share.weight()));
    p.order.settle(grant, 64ms, p.now + 64ms);

    EXPECT_EQ(a.share.service(), to_virtual(1ms, a.share.weight()));
}

TEST(PoolOrder, SettlementLeavesExactlyTheRealCost) {
    pool p(policy::fair, 1);
    pool::tenant& a = p.add(2);
    p.push(0, 5ms);

    pool_grant grant = p.order.pick(0, p.now);
    ASSERT_TRUE(grant);
    EXPECT_EQ(a.share.service(), 0);
    EXPECT_EQ(gap(a.share.position(queue_id::compute), p.order.clock().at(p.now)),
              to_virtual(grant.expected, a.share.weight()));
    p.order.refresh(grant, 2ms, p.now + 2ms);
    EXPECT_EQ(a.share.service(), to_virtual(2ms, a.share.weight()));
    p.order.settle(grant, 5ms, p.now + 5ms);

    EXPECT_EQ(a.share.service(), to_virtual(5ms, a.share.weight()));
    EXPECT_FALSE(p.order.pick(0, p.now + 5ms));
    EXPECT_EQ(p.order.running(), 0U);
    EXPECT_EQ(a.lanes.estimates().expect(1, 0ms), 5ms);
}

TEST(PoolOrder, StuckFunctionKeepsPaying) {
    pool p(policy::fair, 2);
    pool::tenant& a = p.add(1);
    p.push(0, 1ms);
    pool_grant grant = p.order.pick(0, p.now);

    for (int tick = 1; tick <= 50; ++tick) {
        p.order.refresh(grant, tick * 10ms, p.now + tick * 10ms);
    }

    EXPECT_EQ(a.share.service(), to_virtual(500ms, a.share.weight()));
    EXPECT_EQ(grant.held, 0);
    p.order.settle(grant, 500ms, p.now + 500ms);
}

TEST(PoolOrder, FifoStartsInOrderOfArrival) {
    pool p(policy::fifo, 1);
    p.add(1);
    p.add(9);
    for (const std::size_t tenant : {0, 1, 1, 0, 0, 1}) {
        p.push(tenant, 1ms);
    }
    p.record = true;

    p.run_until(p.now + 10ms);

    EXPECT_EQ(p.started[0], (std::vector<std::size_t>{0, 1, 1, 0, 0, 1}));
}

TEST(PoolOrder, TakesItemsBackFromAnyPlaceAndKeepsTheOrderOfTheRest) {
    for (const policy rule : {policy::fair, policy::fifo}) {
        for (std::size_t removed = 0; removed != 6; ++removed) {
            pool p(rule, 1);
            p.add(1);
            p.add(1);
            const std::vector<std::size_t> pushed{0, 1, 0, 1, 1, 0};
            for (const std::size_t tenant : pushed) {
                p.push(tenant, 1ms);
            }

            job& gone = p.jobs[removed];
            p.order.remove(p.tenants[gone.tenant].lanes, gone, p.now);
            p.push(1, 1ms);

            std::vector<std::vector<const pool_item*>> left(2);
            std::vector<std::size_t> tenants;
            while (pool_grant grant = p.order.pick(0, p.now)) {
                const auto* const done = static_cast<const job*>(grant.item);
                left[done->tenant].push_back(done);
                tenants.push_back(done->tenant);
                p.order.settle(grant, 1ms, p.now += 1ms);
            }
            std::vector<std::vector<const pool_item*>> wanted(2);
            std::vector<std::size_t> arrivals;
            for (std::size_t i = 0; i != p.jobs.size(); ++i) {
                if (i != removed) {
                    wanted[p.jobs[i].tenant].push_back(&p.jobs[i]);
                    arrivals.push_back(p.jobs[i].tenant);
                }
            }
            EXPECT_EQ(left, wanted) << "item " << removed;
            if (rule == policy::fifo) {
                EXPECT_EQ(tenants, arrivals) << "item " << removed;
            }
        }
    }
}

TEST(PoolOrder, TenantWhoseOnlyItemIsTakenBackIsNoMember) {
    for (const policy rule : {policy::fair, policy::fifo}) {
        pool p(rule, 1);
        pool::tenant& a = p.add(1);
        p.push(0, 1ms);

        p.order.remove(a.lanes, p.jobs[0], p.now);

        EXPECT_EQ(p.order.size(), 0U);
        EXPECT_TRUE(a.lanes.empty());
        EXPECT_FALSE(p.order.pick(0, p.now));
    }
}

TEST(PoolOrder, KnownCostsAreChargedAndTeachNothing) {
    pool p(policy::fair, 4, 1, 4);
    pool::tenant& a = p.add(1);
    p.push(0, 8ms);
    p.jobs[0].known_cost = 8ms;
    const duration prior = p.order.prior();

    pool_grant grant = p.order.pick(0, p.now);
    EXPECT_EQ(grant.expected, 2ms) << "in the unit of the charges";
    p.order.settle(grant, 8ms, p.now + 8ms);

    EXPECT_EQ(a.share.service(), to_virtual(2ms, a.share.weight()));
    EXPECT_EQ(a.lanes.estimates().expect(1, 7ms), 7ms);
    EXPECT_EQ(p.order.prior(), prior);
}

TEST(EstimateTable, RisesAtOnceFallsSlowlyAndForgetsTheOldestSite) {
    estimate_table table;
    EXPECT_EQ(table.expect(1, 7ms), 7ms);

    table.learn(1, 10ms);
    table.learn(1, 100ms);
    table.learn(1, 1ms);
    EXPECT_EQ(table.expect(1, 7ms), 99ms);

    for (spawn_site site = 2; site != 2 + estimate_table::capacity; ++site) {
        table.learn(site, 1ms);
    }
    EXPECT_EQ(table.expect(1, 7ms), 7ms);
    EXPECT_EQ(table.expect(2, 7ms), 1ms);
}

}  // namespace
}  // namespace drama
