// SPDX-License-Identifier: Apache-2.0
// When work starts: P7, that nothing starves, and P11, the order of classes inside a tenant.
#include <gtest/gtest.h>

#include <map>

#include "crowd.hpp"

namespace drama {
namespace {

/// Watches that every item starts as soon as it must.
class start_watch {
  public:
    explicit start_watch(crowd& all) : all_(&all) {
        for (std::size_t i = 0; i != all.plan.tenants(); ++i) {
            index_[&all.run.tenants[i]] = i;
        }
        all.run.on_push = [this](const virtual_item& item) { note(item); };
        all.run.on_start = [this](const virtual_item& item) { check(item); };
    }

    /// Also looks at what has not started yet.
    std::string verdict() {
        while (!waiting_.empty()) {
            check(*waiting_.begin()->first);
        }
        return wrong_;
    }

  private:
    struct waiter {
        instant since;
        double served;  // us that its tenant had got
        double ahead;   // us that its tenant was ahead of its share, its running turn included
    };

    void note(const virtual_item& item) {
        const std::size_t tenant = index_.at(item.owner);
        const double ahead = all_->position(tenant) * all_->weight_of(tenant) / 1000;
        waiting_[&item] = {all_->run.now, us(all_->served(tenant)), std::max(0.0, ahead)};
    }
    // Its tenant's own load, what it was ahead and one request at its fair rate, the request
    // rounded up to its group's longest and by a slot, as the order does; then the steal window, a
    // period of the clock, a turn and a poll.
    void check(const virtual_item& item) {
        const auto found = waiting_.find(&item);
        if (found == waiting_.end()) {
            return;  // queued before the watch began
        }
        const waiter from = found->second;
        waiting_.erase(found);
        const std::size_t tenant = index_.at(item.owner);
        const double own = us(all_->served(tenant)) - from.served + from.ahead;
        const duration slice = slice_of(item.cls, latency::normal);
        const double bound =
            (own + us(slice + slice / 2 + slice / 8)) / all_->rate_of(tenant) +
            us(steal_quanta * quantum + clock_period + quantum + all_->plan.poll_most());
        const double waited = us(all_->run.now - from.since);
        if (waited > bound && wrong_.empty()) {
            wrong_ = out_of_bounds("wait, us", waited, 0, bound);
        }
    }

    crowd* all_;
    std::map<const virtual_tenant*, std::size_t> index_;
    std::map<const virtual_item*, waiter> waiting_;
    std::string wrong_;
};

TEST(StartProperties, EveryItemStartsWithinItsBoundWhateverTheClassesOfOthers) {
    expect_to_hold(60, []() -> std::string {
        const crowd_plan plan = *crowds({.items_max = 3});
        crowd all(plan);
        start_watch watch(all);
        all.run.run_for(40ms);
        return watch.verdict();
    });
}

TEST(StartProperties, EveryItemStartsWithinItsBoundBesideWeightsTenThousandTimesItsOwn) {
    expect_to_hold(30, []() -> std::string {
        crowd_plan plan = *crowds({.per_worker_min = 3, .per_worker_max = 8});
        for (member_plan& each : plan.members) {
            // A heavy tenant alone may take all workers.
            constexpr std::array weights = {1, 10, 1'000, 10'000};
            each.items = each.weight > 2 ? static_cast<int>(2 * plan.workers) : 1;
            each.weight = weights[static_cast<std::size_t>(each.weight - 1)];
        }
        crowd all(plan);
        start_watch watch(all);
        all.run.run_for(200ms);
        return watch.verdict();
    });
}

TEST(StartProperties, ManyTenantsOfOneItemAllStartWithinTheirTotal) {
    expect_to_hold(10, []() -> std::string {
        const crowd_plan drawn = *crowds();
        const auto count = static_cast<std::size_t>(*rc::gen::inRange(100, 20'000));
        virtual_workers run(policy::fair, drawn.workers, drawn.seed);
        duration total{};
        for (std::size_t i = 0; i != count; ++i) {
            const member_plan& member = drawn.member(i);
            virtual_tenant& each = run.add(member.weight);
            each.home = 0;
            const duration cost = draw_poll(run.random, drawn.law, drawn.mean);
            total += cost;
            run.submit(each, member.cls, cost);
        }
        const duration bound = total / static_cast<std::int64_t>(drawn.workers) +
                               steal_quanta * quantum + clock_period + std::max(poll_max, quantum);
        run.run_for(bound + poll_max);
        for (const virtual_tenant& each : run.tenants) {
            if (each.finished != 1 || each.wait_max > bound) {
                return out_of_bounds("last start, us", us(each.wait_max), 0, us(bound));
            }
        }
        return {};
    });
}

// Of two items of a tenant on one core, that one goes first which was queued earlier, counted from
// the offset of its class.
TEST(StartProperties, ItemsOfATenantStartInTheOrderOfTheirClasses) {
    expect_to_hold(30, []() -> std::string {
        const auto seed = *rc::gen::noShrink(rc::gen::arbitrary<std::uint64_t>());
        const auto gap_us = *rc::gen::inRange(50, 400);
        virtual_workers run(policy::fair, 1, seed);
        virtual_tenant& busy = run.add();
        virtual_tenant& other = run.add();
        std::map<const virtual_item*, instant> due;
        std::string wrong;
        run.on_push = [&](const virtual_item& item) {
            if (item.owner == &busy) {
                due[&item] = run.now + offset_by_class[static_cast<std::size_t>(item.cls)];
            }
        };
        run.on_start = [&](const virtual_item& item) {
            if (item.owner != &busy) {
                return;
            }
            const instant mine = due.at(&item);
            due.erase(&item);
            for (const auto& [each, when] : due) {
                if (when < mine && wrong.empty()) {
                    wrong = "an item of class " + std::string(name_of(item.cls)) +
                            " started before one of class " + std::string(name_of(each->cls));
                }
            }
        };
        for (virtual_tenant* each : {&busy, &other}) {
            run.every([&run, gap_us] { return duration(1 + run.random.below(2'000 * gap_us)); },
                      [&run, each] {
                          run.submit(*each, static_cast<work_class>(run.random.below(4)),
                                     draw_poll(run.random, poll_law::bimodal, 50us));
                      });
        }
        run.run_for(50ms);
        return wrong;
    });
}

}  // namespace
}  // namespace drama
