// SPDX-License-Identifier: Apache-2.0
// Properties of whole fair queues, with virtual workers. Seeds are printed on failure; DRAMA_SEED
// replays one.
#include "drama/sched/fair_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <vector>

#include "drama/sched/testing/virtual_workers.hpp"

namespace drama {
namespace {

std::uint64_t seed_of(std::uint64_t fallback) {
    const char* given = std::getenv("DRAMA_SEED");
    return given == nullptr ? fallback : std::strtoull(given, nullptr, 10);
}

double weight_of(const virtual_tenant& tenant) {
    return static_cast<double>(tenant.share.weight()) / fixed_weight_one;
}
duration per_weight(duration service, const virtual_tenant& tenant) {
    return duration(
        static_cast<std::int64_t>(static_cast<double>(service.count()) / weight_of(tenant)));
}

/// How far `tenant` is ahead of the members' true mean, in service.
duration lead(const virtual_workers& run, const virtual_tenant& tenant) {
    const clock_sums sums = run.queue.sums();
    const virtual_time at = tenant.share.position(run.queue.id());
    const auto offset = static_cast<std::int64_t>(
        sums.moment - static_cast<std::uint64_t>(sums.weight) * static_cast<std::uint64_t>(at));
    const double behind = static_cast<double>(offset) / static_cast<double>(sums.weight);
    return duration(static_cast<std::int64_t>(-behind / virtual_units_per_ns * weight_of(tenant)));
}

/// Tenants that each send a poll of about 5 us now and then; together `load` of all workers.
void add_light(virtual_workers& run, std::size_t count, double load, work_class cls) {
    const double polls_per_ns = load * static_cast<double>(run.queue.shard_count()) / 5000;
    const duration mean(static_cast<std::int64_t>(static_cast<double>(count) / polls_per_ns));
    for (std::size_t i = 0; i != count; ++i) {
        virtual_tenant& light = run.add();
        light.keep_waits = true;
        light.home = run.random.below(run.queue.shard_count());
        run.every(run.exponential(mean, mean * 10),
                  [&run, &light, cls] { run.submit(light, cls, run.exponential(5us, 100us)()); });
    }
}

void forget_waits(virtual_workers& run) {
    for (auto& each : run.tenants) {
        each.waits.clear();
        for (auto& waits : each.waits_by_class) {
            waits.clear();
        }
        each.wait_max = duration(0);
        each.served = duration(0);
    }
}

std::vector<duration> all_waits(const virtual_workers& run) {
    std::vector<duration> all;
    for (const auto& each : run.tenants) {
        all.insert(all.end(), each.waits.begin(), each.waits.end());
    }
    return all;
}

class FairQueueOn : public ::testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Workers, FairQueueOn, ::testing::Values(1, 2, 8));

TEST_P(FairQueueOn, ServiceFollowsWeightsWithinAFewQuanta) {
    const std::uint64_t seed = seed_of(11);
    SCOPED_TRACE(::testing::Message() << "seed=" << seed);
    const std::size_t workers = GetParam();
    virtual_workers run(policy::fair, workers, seed);
    for (std::size_t i = 0; i != 20 * workers; ++i) {
        run.add_hog(static_cast<double>(1 + i % 4), 2, run.exponential(5us, 100us),
                    static_cast<work_class>(run.random.below(4)));
    }
    run.run_for(50ms);
    forget_waits(run);

    run.run_for(400ms);

    const auto [least, most] = std::minmax_element(
        run.tenants.begin(), run.tenants.end(), [](const auto& a, const auto& b) {
            return per_weight(a.served, a) < per_weight(b.served, b);
        });
    EXPECT_LT(per_weight(most->served, *most) - per_weight(least->served, *least), 12 * quantum);
    duration total{};
    for (const auto& each : run.tenants) {
        total += each.served;
    }
    EXPECT_GT(total, 399ms * workers);  // no worker idled
}

TEST_P(FairQueueOn, LagStaysBoundedAndTheClockStaysAtTheMean) {
    const std::uint64_t seed = seed_of(12);
    SCOPED_TRACE(::testing::Message() << "seed=" << seed);
    const std::size_t workers = GetParam();
    virtual_workers run(policy::fair, workers, seed);
    for (std::size_t i = 0; i != 50 * workers; ++i) {
        run.add_hog(1, 2, run.exponential(5us, 100us));
    }
    run.run_for(50ms);

    duration least{};
    duration most{};
    virtual_time clock_before = run.queue.clock().at(run.now);
    for (int sample = 0; sample != 400; ++sample) {
        run.run_for(230us);
        for (const auto& each : run.tenants) {
            const duration ahead = lead(run, each);
            least = std::min(least, ahead);
            most = std::max(most, ahead);
        }
        const virtual_time clock = run.queue.clock().at(run.now);
        EXPECT_FALSE(before(clock, clock_before));
        clock_before = clock;
        const clock_sums sums = run.queue.sums();
        const auto off =
            static_cast<std::int64_t>(sums.moment - static_cast<std::uint64_t>(sums.weight) *
                                                        static_cast<std::uint64_t>(clock));
        const double off_units = static_cast<double>(off) / static_cast<double>(sums.weight);
        EXPECT_LT(std::abs(off_units), 0.3 * quantum.count() * virtual_units_per_ns);
    }
    EXPECT_GT(least, -3 * quantum) << least.count();
    EXPECT_LT(most, 3 * quantum) << most.count();
}

// What eligibility is for: by deadlines alone the heavy tenant would run for milliseconds on end.
TEST(FairQueue, HeavyTenantAmongManyLightOnesRunsInNoBursts) {
    const std::uint64_t seed = seed_of(21);
    SCOPED_TRACE(::testing::Message() << "seed=" << seed);
    virtual_workers run(policy::fair, 1, seed);
    virtual_tenant& heavy = run.add_hog(100, 2, run.exponential(5us, 50us));
    for (int i = 0; i != 100; ++i) {
        run.add_hog(1, 2, run.exponential(5us, 50us));
    }
    run.run_for(20ms);

    duration least{};
    duration most{};
    for (int sample = 0; sample != 2'000; ++sample) {
        run.run_for(37us);
        least = std::min(least, lead(run, heavy));
        most = std::max(most, lead(run, heavy));
    }

    EXPECT_LT(most, 5 * quantum) << most.count();
    EXPECT_GT(least, -5 * quantum) << least.count();
}

TEST_P(FairQueueOn, ClassDecidesWhenAndNotHowMuch) {
    const std::uint64_t seed = seed_of(13);
    SCOPED_TRACE(::testing::Message() << "seed=" << seed);
    virtual_workers run(policy::fair, GetParam(), seed);
    for (std::size_t i = 0; i != 16 * GetParam(); ++i) {
        run.add_hog(1, 1, run.exponential(10us, 50us), static_cast<work_class>(i % 4));
    }

    run.run_for(500ms);

    std::map<work_class, duration> served;
    for (const auto& each : run.tenants) {
        served[each.refill_class] += each.served;
    }
    for (const auto& [cls, service] : served) {
        EXPECT_NEAR(static_cast<double>(service.count()), 0.125e9 * static_cast<double>(GetParam()),
                    0.01 * 0.125e9 * static_cast<double>(GetParam()))
            << name_of(cls);
    }
}

TEST(FairQueue, LightTenantsAmongHogsStartWithinAboutAPoll) {
    const std::uint64_t seed = seed_of(14);
    SCOPED_TRACE(::testing::Message() << "seed=" << seed);
    std::map<policy, duration> p99;
    for (const policy order : {policy::fair, policy::fifo}) {
        virtual_workers run(order, 8, seed);
        for (int i = 0; i != 400; ++i) {
            run.add_hog(1, 4, run.exponential(5us, 100us));
        }
        add_light(run, 400, 0.05, work_class::write);
        run.run_for(150ms);  // a tenant's very first item has no credit
        forget_waits(run);
        run.run_for(100ms);
        p99[order] = percentile(all_waits(run), 0.99);
    }

    EXPECT_LT(p99[policy::fair], 60us) << p99[policy::fair].count();
    EXPECT_GT(p99[policy::fifo], 500us) << p99[policy::fifo].count();
}

TEST(FairQueue, WriteFloodStarvesNeitherAcceptsNorHogs) {
    const std::uint64_t seed = seed_of(15);
    SCOPED_TRACE(::testing::Message() << "seed=" << seed);
    virtual_workers run(policy::fair, 2, seed);
    for (int i = 0; i != 40; ++i) {
        run.add_hog(1, 4, run.exponential(5us, 100us), work_class::write);
    }
    for (int i = 0; i != 10; ++i) {
        run.add_hog(1, 1, run.exponential(5us, 100us), work_class::read);
    }
    add_light(run, 20, 0.01, work_class::accept);
    run.run_for(200ms);
    forget_waits(run);

    run.run_for(500ms);

    duration flood{};
    duration hogs{};
    for (const auto& each : run.tenants) {
        if (each.refill) {
            (each.refill_class == work_class::write ? flood : hogs) += each.served;
        }
    }
    EXPECT_NEAR(static_cast<double>(flood.count()) / 40, static_cast<double>(hogs.count()) / 10,
                0.02 * static_cast<double>(hogs.count()) / 10);
    // An accept may wait for its slice of 400 us at its fair rate of 2 / 50, never for the flood.
    EXPECT_LT(percentile(all_waits(run), 0.99), 400us * 50 / 2);
}

TEST(FairQueue, AcceptsOfATenantStartAlthoughItFloodsItselfWithWrites) {
    const std::uint64_t seed = seed_of(16);
    SCOPED_TRACE(::testing::Message() << "seed=" << seed);
    virtual_workers run(policy::fair, 1, seed);
    virtual_tenant& busy = run.add_hog(1, 8, run.exponential(5us, 50us), work_class::write);
    busy.keep_waits = true;
    run.every([] { return 1ms; },
              [&] {
                  // Refills of this item are writes, so that the number of items would grow: stop
                  // there.
                  if (run.now < instant(1s) + 100ms) {
                      run.submit(busy, work_class::accept, 5us);
                  }
              });

    run.run_for(500ms);

    const auto& accepts = busy.waits_by_class[static_cast<std::size_t>(work_class::accept)];
    ASSERT_GE(accepts.size(), 99U);
    const duration slowest = *std::max_element(accepts.begin(), accepts.end());
    EXPECT_GT(slowest, 1ms);
    EXPECT_LT(slowest, 8ms + 1ms + 108 * 50us);
}

// Algorithm 2.5: an item starts within its tenant's own load, one slice at the fair rate, the steal
// window, a clock period, a quantum and the longest poll.
TEST_P(FairQueueOn, EveryItemStartsWithinTheStarvationBound) {
    const std::uint64_t seed = seed_of(17);
    SCOPED_TRACE(::testing::Message() << "seed=" << seed);
    const std::size_t workers = GetParam();
    virtual_workers run(policy::fair, workers, seed);
    double weight = 0;
    for (std::size_t i = 0; i != 30 * workers; ++i) {
        const double mine = i % 3 == 0 ? 0.5 : i % 3 == 1 ? 1 : 3;
        weight += mine;
        run.add_hog(mine, 1, run.exponential(10us, 100us), static_cast<work_class>(i % 4));
    }
    std::map<const work_item*, instant> latest;
    std::size_t late = 0;
    run.on_push = [&](const virtual_item& item) {
        const double rate = static_cast<double>(workers) * weight_of(*item.owner) / weight;
        const virtual_span ahead =
            gap(item.owner->share.position(run.queue.id()), run.queue.clock().at(run.now));
        // Its own running turn is charged when it ends.
        const double own = std::max(0.0, static_cast<double>(ahead) / virtual_units_per_ns *
                                             weight_of(*item.owner)) +
                           static_cast<double>((quantum + 100us).count());
        const double slice = static_cast<double>(slice_of(item.cls, latency::normal).count());
        const duration bound(static_cast<std::int64_t>((own + slice) / rate));
        latest[&item] = run.now + bound + steal_quanta * quantum + clock_period + quantum + 100us;
    };
    run.on_start = [&](const virtual_item& item) {
        const auto known = latest.find(&item);
        late += known != latest.end() && run.now > known->second ? 1 : 0;
    };

    run.run_for(500ms);

    EXPECT_EQ(late, 0U);
}

TEST(FairQueue, ManyTenantsOfOneItemAllStartWithinTheTotal) {
    virtual_workers run(policy::fair, 2, 1);
    std::vector<virtual_tenant*> all;
    for (int i = 0; i != 50'000; ++i) {
        virtual_tenant& each = run.add();
        each.home = static_cast<std::size_t>(i % 2);
        all.push_back(&each);
        run.submit(each, static_cast<work_class>(i % 4), 1us);
    }

    run.run_for(50ms);

    duration last{};
    for (const auto* each : all) {
        EXPECT_EQ(each->finished, 1U);
        last = std::max(last, each->wait_max);
    }
    EXPECT_LE(last, 25ms + steal_quanta * quantum + clock_period + quantum);
}

TEST(FairQueue, PolicyFifoDiffersInOrderAlone) {
    const std::uint64_t seed = seed_of(18);
    SCOPED_TRACE(::testing::Message() << "seed=" << seed);
    std::map<policy, std::vector<virtual_time>> charges;
    std::map<policy, instant> ends;
    std::map<policy, std::vector<instant>> arrivals;
    for (const policy order : {policy::fair, policy::fifo}) {
        virtual_workers run(order, 1, seed);
        for (int i = 0; i != 10; ++i) {
            run.add(1 + i % 3);
        }
        run.on_start = [&](const virtual_item& item) { arrivals[order].push_back(item.queued_at); };
        prng random(seed);
        for (int i = 0; i != 5'000; ++i) {
            const instant when = instant(1s) + duration(random.below(30'000'000));
            virtual_tenant& owner = run.tenants[random.below(10)];
            const auto cls = static_cast<work_class>(random.below(4));
            const duration cost(1'000 + random.below(9'000));
            run.at(when, [&run, &owner, cls, cost] { run.submit(owner, cls, cost); });
        }
        run.run_for(60ms);
        for (const auto& each : run.tenants) {
            charges[order].push_back(each.share.service());
        }
        EXPECT_EQ(run.queue.size(), 0U);
        EXPECT_EQ(run.queue.sums().weight, 0);
        EXPECT_EQ(run.queue.sums().moment, 0U);
    }

    const auto& fifo = arrivals[policy::fifo];
    EXPECT_TRUE(std::is_sorted(fifo.begin(), fifo.end()));
    EXPECT_FALSE(std::is_sorted(arrivals[policy::fair].begin(), arrivals[policy::fair].end()));
    for (std::size_t i = 0; i != 10; ++i) {
        // A turn is charged in one piece, so only its rounding may differ.
        EXPECT_NEAR(static_cast<double>(charges[policy::fair][i]),
                    static_cast<double>(charges[policy::fifo][i]), 1000);
    }
}

TEST(FairQueue, OneTenantOnManyWorkersGetsItsWeightAndNoMore) {
    const std::uint64_t seed = seed_of(19);
    SCOPED_TRACE(::testing::Message() << "seed=" << seed);
    virtual_workers run(policy::fair, 8, seed);
    virtual_tenant& wide = run.add_hog(100, 64, run.exponential(5us, 100us));
    for (int i = 0; i != 100; ++i) {
        run.add_hog(1, 2, run.exponential(5us, 100us));
    }
    run.run_for(100ms);
    forget_waits(run);

    run.run_for(500ms);

    EXPECT_NEAR(static_cast<double>(wide.served.count()), 2e9, 0.02 * 2e9);
}

// With more than four shards nobody compares all of them each turn.
TEST(FairQueue, TheShardThatIsMostUrgentIsHelpedAtOnce) {
    fair_queue queue(policy::fair, 9, queue_id::async);
    std::deque<tenant_share> shares;
    std::deque<lane_set> lanes;
    std::deque<work_item> items(9);
    constexpr instant start = instant(1s);
    const auto serve = [&](std::size_t at, instant now) {
        const turn t = queue.shard(at).pick(now);
        ASSERT_TRUE(t);
        ASSERT_NE(queue.shard(at).pop(*t.lanes, now), nullptr);
        queue.shard(at).settle(*t.lanes, 1us, now);
    };
    for (std::size_t i = 0; i != 9; ++i) {
        // On the fifth shard stands one whose share is due at once, on the others is time.
        lanes.emplace_back(shares.emplace_back(i == 5 ? 1'000 : 0.01));
        items[i].cls = i == 5 ? work_class::write : work_class::accept;
        queue.shard(i).push(lanes[i], items[i], start);
    }

    queue.maybe_update(start + 2 * clock_period);

    EXPECT_EQ(queue.shard_to_help(0, 1), 5U);
    EXPECT_EQ(queue.shard_to_help(5, 1), 5U);
    EXPECT_EQ(queue.less_urgent_of(5, 3), 3U);
    EXPECT_EQ(queue.less_urgent_of(3, 5), 3U);
    const turn urgent = queue.shard(5).pick(start + 2 * clock_period);
    ASSERT_NE(queue.shard(5).pop(*urgent.lanes, start + 2 * clock_period), nullptr);
    EXPECT_EQ(queue.less_urgent_of(5, 3), 3U);  // it runs, and is due as early
    EXPECT_EQ(queue.less_urgent_of(3, 5), 3U);
    queue.shard(5).settle(*urgent.lanes, 1us, start + 2 * clock_period);
    EXPECT_EQ(queue.shard_to_help(0, 1), 0U);
    for (const std::size_t left : {0, 1, 2, 3, 4, 6, 7, 8}) {
        EXPECT_EQ(queue.less_urgent_of(5, left), 5U);  // nothing waits there
        EXPECT_EQ(queue.less_urgent_of(left, 5), 5U);
        serve(left, start + 3 * clock_period);
    }
}

TEST(FairQueue, SleepersBankNoMoreThanASlice) {
    const std::uint64_t seed = seed_of(20);
    SCOPED_TRACE(::testing::Message() << "seed=" << seed);
    virtual_workers run(policy::fair, 1, seed);
    for (int i = 0; i != 9; ++i) {
        run.add_hog(1, 2, run.exponential(5us, 50us));
    }
    virtual_tenant& sleeper = run.add();
    run.submit(sleeper, work_class::read, 5us);
    run.run_for(1s);
    const duration before_burst = sleeper.served;

    for (int i = 0; i != 2'000; ++i) {
        run.submit(sleeper, work_class::read, 5us);
    }
    run.run_for(20ms);

    // A tenth of the time, a slice of credit, and a turn that is not over.
    EXPECT_LT(sleeper.served - before_burst, 2ms + 100us + quantum + 50us);
    EXPECT_GT(sleeper.served - before_burst, 2ms - quantum);
}

}  // namespace
}  // namespace drama
