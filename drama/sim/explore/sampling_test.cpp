// SPDX-License-Identifier: Apache-2.0
// The strategies by themselves: what they choose among threads that are made by hand.
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "drama/sim/explore/bounded_search.hpp"
#include "drama/sim/explore/sampling.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"

namespace drama {
namespace {

using internal::sim_thread;

constexpr duration_range wakes{500ns, 5us};

struct three_threads {
    three_threads() {
        for (std::uint64_t i = 0; i != 3; ++i) {
            threads[i].id = i + 1;
            ready.push_back(&threads[i]);
        }
    }
    // Who runs first, then second, then third, each one step.
    std::vector<std::uint64_t> order(schedule_strategy& by) {
        std::vector<sim_thread*> left = ready;
        std::vector<std::uint64_t> ran;
        while (left.size() > 1) {
            const std::size_t chosen = by.choose(left);
            by.preempts(*left[chosen], 0);
            ran.push_back(left[chosen]->id);
            left.erase(left.begin() + static_cast<std::ptrdiff_t>(chosen));
        }
        ran.push_back(left.front()->id);
        return ran;
    }

    sim_thread threads[3];
    std::vector<sim_thread*> ready;
};

template <class Strategy>
std::size_t orders_of(three_threads& with) {
    std::map<std::vector<std::uint64_t>, int> seen;
    for (std::uint64_t seed = 0; seed != 300; ++seed) {
        Strategy strategy(seed);
        ++seen[with.order(strategy)];
    }
    return seen.size();
}

TEST(Strategies, LockstepTakesThemInTurnForEquallyLong) {
    three_threads with;
    with.threads[0].ready_since = 5;
    with.threads[1].ready_since = 4;
    with.threads[2].ready_since = 4;
    std::map<std::int64_t, int> lengths;
    for (std::uint64_t seed = 0; seed != 30; ++seed) {
        lockstep strategy(seed);
        EXPECT_TRUE(strategy.is_fair());
        EXPECT_EQ(with.order(strategy), (std::vector<std::uint64_t>{2, 3, 1}));
        const auto length = strategy.delay_ns(schedule_delay::wake, with.threads[0], wakes);
        EXPECT_EQ(strategy.delay_ns(schedule_delay::wake, with.threads[1], wakes), length);
        EXPECT_FALSE(strategy.preempts(with.threads[0], 1));
        ++lengths[length];
    }
    EXPECT_EQ(lengths.size(), 3U);
}

TEST(Strategies, ReachEveryOrder) {
    three_threads with;
    EXPECT_EQ(orders_of<random_walk>(with), 6U);
    EXPECT_EQ(orders_of<partial_order_sampling>(with), 6U);
    EXPECT_EQ(orders_of<starvation_bursts>(with), 6U);
}

TEST(PriorityChanges, KeepsToOneOrderBetweenItsChanges) {
    three_threads with;
    std::map<std::uint64_t, int> firsts;
    for (std::uint64_t seed = 0; seed != 100; ++seed) {
        priority_changes strategy(seed, 1);  // no change at all
        const auto order = with.order(strategy);
        EXPECT_EQ(with.order(strategy), order) << "seed " << seed;
        ++firsts[order.front()];
    }
    EXPECT_EQ(firsts.size(), 3U);
}

TEST(PriorityChanges, LetsARunningThreadFallBehindTheOthers) {
    three_threads with;
    int changed = 0;
    for (std::uint64_t seed = 0; seed != 100; ++seed) {
        priority_changes strategy(seed, 2);
        const std::size_t first = strategy.choose(with.ready);
        for (int step = 0; step != 10'000; ++step) {
            strategy.preempts(*with.ready[first], 0);
        }
        changed += strategy.choose(with.ready) != first ? 1 : 0;
        EXPECT_GE(strategy.delay_ns(schedule_delay::wake, *with.ready[first], wakes), 5'000);
    }
    EXPECT_EQ(changed, 100);
}

TEST(StarvationBursts, HoldOneThreadBackForAWhile) {
    three_threads with;
    int late = 0;
    for (std::uint64_t seed = 0; seed != 50; ++seed) {
        starvation_bursts strategy(seed);
        for (int step = 0; step != 5'000; ++step) {
            strategy.preempts(with.threads[0], 0);
            for (const sim_thread& each : with.threads) {
                late += strategy.delay_ns(schedule_delay::wake, each, wakes) > 100'000 ? 1 : 0;
            }
        }
    }
    EXPECT_GT(late, 1'000);
    EXPECT_LT(late, 50 * 5'000 * 3 / 4);
}

TEST(BoundedSchedule, RunsAThreadUntilItWaits) {
    three_threads with;
    bounded_schedule strategy({});
    EXPECT_EQ(strategy.choose(with.ready), 0U);
    strategy.preempts(with.threads[1], 128);
    EXPECT_EQ(strategy.choose(with.ready), 1U) << "thread 2 ran last and is ready";
    EXPECT_EQ(strategy.delay_ns(schedule_delay::wake, with.threads[0], wakes), 0);
    ASSERT_EQ(strategy.made().size(), 2U);
    EXPECT_EQ(strategy.made()[1].options, 3U);
    EXPECT_EQ(strategy.made()[1].by_default, 1U);
}

TEST(BoundedSchedule, DeviatesWhereItIsTold) {
    three_threads with;
    bounded_schedule strategy({{1, 2}});
    EXPECT_EQ(strategy.choose(with.ready), 0U);
    EXPECT_EQ(strategy.choose(with.ready), 2U);
    EXPECT_EQ(strategy.choose(with.ready), 0U);
}

TEST(BoundedSearch, TriesEveryListOfDeviationsOnceFewestFirst) {
    three_threads with;
    bounded_search schedules(2);
    std::map<std::size_t, int> tried;
    std::uint64_t hash = 0;
    std::size_t longest = 0;
    while (!schedules.is_over()) {
        const auto deviations = schedules.take();
        EXPECT_GE(deviations.size(), longest);
        longest = deviations.size();
        ++tried[deviations.size()];
        bounded_schedule strategy(deviations);
        strategy.choose(with.ready);
        strategy.choose(with.ready);
        schedules.note(strategy.made(), ++hash);
    }
    EXPECT_EQ(tried[0], 1);
    EXPECT_EQ(tried[1], 4) << "two choices among three";
    EXPECT_EQ(tried[2], 4);
    EXPECT_EQ(tried.size(), 3U);
}

TEST(BoundedSearch, FollowsRunsThatTurnOutTheSameOnlyOnce) {
    three_threads with;
    bounded_search schedules(3);
    int tried = 0;
    while (!schedules.is_over()) {
        bounded_schedule strategy(schedules.take());
        ++tried;
        strategy.choose(with.ready);
        schedules.note(strategy.made(), 1);
    }
    EXPECT_EQ(tried, 3) << "the first, and its two deviations, which go no further";
}

}  // namespace
}  // namespace drama
