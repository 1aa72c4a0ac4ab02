// SPDX-License-Identifier: Apache-2.0
// How far a tenant may be from what is due to it: P1, P2, P4 and P5 of the policy's properties.
// Beside each run stands the fluid server, exact where everybody has work all the time.
#include <gtest/gtest.h>

#include <utility>

#include "crowd.hpp"

namespace drama {
namespace {

/// Bounds of a tenant's lag, in us of service: negative is ahead.
struct lag_bounds {
    double least;
    double most;
};

/// `weight`: what all members weigh together, at least.
lag_bounds bounds_of(const crowd& all, std::size_t tenant, double weight) {
    const double rate = static_cast<double>(all.plan.workers) * all.weight_of(tenant) / weight;
    // A slot of the order is an eighth of a request wide.
    const double rounding = us(all.request_max()) / 8;
    return {-(us(quantum + poll_max) + rounding + rate * us(clock_period + quantum)),
            us(all.request_max() + poll_max) + rounding +
                rate * us(steal_quanta * quantum + clock_period + quantum)};
}

TEST(LagProperties, NobodyIsFurtherFromTheFluidThanTheBound) {
    expect_to_hold(40, []() -> std::string {
        const crowd_plan plan = *crowds();
        crowd all(plan);
        const instant begin = all.run.now;
        for (int sample = 0; sample != 100; ++sample) {
            all.run.run_for(duration(all.run.random.below(2'000'000)));
            const double whole = us(all.run.now - begin);
            for (std::size_t i = 0; i != plan.tenants(); ++i) {
                const double lag = all.rate_of(i) * whole - us(all.served(i));
                const lag_bounds bounds = bounds_of(all, i, all.weight);
                if (!(lag >= bounds.least && lag <= bounds.most)) {
                    return out_of_bounds("lag, us", lag, bounds.least, bounds.most);
                }
            }
        }
        return {};
    });
}

TEST(LagProperties, NobodyIsFurtherFromTheMeanThoughOthersComeAndGo) {
    expect_to_hold(40, []() -> std::string {
        const crowd_plan plan = *crowds({.flapping_max = 20});
        crowd all(plan);
        double weight_min = all.weight;
        for (int sample = 0; sample != 100; ++sample) {
            all.run.run_for(duration(all.run.random.below(2'000'000)));
            const member_sums sums = all.sums();
            weight_min = std::min(weight_min, sums.weight);
            for (std::size_t i = 0; i != plan.tenants(); ++i) {
                if (!all.is_member(i)) {
                    continue;
                }
                const double lag =
                    all.weight_of(i) * (sums.moment / sums.weight - all.position(i)) / 1000;
                const lag_bounds bounds = bounds_of(all, i, weight_min);
                if (!(lag >= bounds.least && lag <= bounds.most)) {
                    return out_of_bounds("lag, us", lag, bounds.least, bounds.most);
                }
            }
        }
        return {};
    });
}

// Over any stretch of time, not from the beginning alone.
TEST(LagProperties, TwoThatHaveWorkGetTheSamePerWeightOverAnyTime) {
    expect_to_hold(40, []() -> std::string {
        const crowd_plan plan = *crowds();
        crowd all(plan);
        std::vector<std::vector<double>> served;
        for (int sample = 0; sample != 100; ++sample) {
            all.run.run_for(duration(all.run.random.below(3'000'000)));
            auto& now = served.emplace_back();
            for (std::size_t i = 0; i != plan.tenants(); ++i) {
                now.push_back(us(all.served(i)));
            }
        }
        for (int window = 0; window != 200; ++window) {
            const std::size_t from = all.run.random.below(served.size());
            const std::size_t to = from + all.run.random.below(served.size() - from);
            // The one that got least, at the most it can have been due, and the other way round.
            double least = INFINITY;
            double most = -INFINITY;
            for (std::size_t i = 0; i != plan.tenants(); ++i) {
                const lag_bounds bounds = bounds_of(all, i, all.weight);
                const double got = served[to][i] - served[from][i];
                const double range = bounds.most - bounds.least;
                least = std::min(least, (got + range) / all.weight_of(i));
                most = std::max(most, (got - range) / all.weight_of(i));
            }
            if (most > least) {
                return out_of_bounds("service per weight, us", most, -INFINITY, least);
            }
        }
        return {};
    });
}

TEST(LagProperties, ClockStaysAtTheMeanOfItsMembers) {
    expect_to_hold(40, []() -> std::string {
        const crowd_plan plan = *crowds();
        crowd all(plan);
        all.run.run_for(2 * clock_period);
        // A turn is charged at its end, which a poll may put off.
        const double bound =
            us(quantum + plan.poll_most()) * static_cast<double>(plan.workers) / all.weight;
        for (int sample = 0; sample != 200; ++sample) {
            all.run.run_for(quantum);
            const member_sums sums = all.sums();
            const double off = sums.charged / sums.weight / 1000;
            if (std::abs(off) > bound) {
                return out_of_bounds("mean beyond the clock, us", off, -bound, bound);
            }
        }
        return {};
    });
}

TEST(LagProperties, ClockFollowsTheMeanThoughAFewComeAndGo) {
    expect_to_hold(30, []() -> std::string {
        const crowd_plan plan =
            *crowds({.per_worker_min = 50, .per_worker_max = 80, .flapping_max = 2});
        crowd all(plan);
        all.run.run_for(2 * clock_period);
        double weight_min = all.weight;
        for (int sample = 0; sample != 200; ++sample) {
            all.run.run_for(duration(all.run.random.below(1'000'000)));
            const member_sums sums = all.sums();
            weight_min = std::min(weight_min, sums.weight);
            const double bound =
                us(clock_period / 5) * static_cast<double>(plan.workers) / weight_min;
            const double off = sums.charged / sums.weight / 1000;
            if (std::abs(off) > bound) {
                return out_of_bounds("mean beyond the clock, us", off, -bound, bound);
            }
        }
        return {};
    });
}

// The sums that steer the clock are those of the members, to the last bit, whoever comes, goes,
// changes weight or is taken to another core.
TEST(LagProperties, SumsOfTheClockAreThoseOfItsMembers) {
    expect_to_hold(30, []() -> std::string {
        const crowd_plan plan = *crowds({.flapping_max = 100});
        crowd all(plan);
        for (int sample = 0; sample != 20; ++sample) {
            all.run.run_for(quantum);
            if (sample % 10 == 0) {
                all.run.tenants[all.run.random.below(plan.tenants())].share.set_weight(
                    static_cast<double>(1 + all.run.random.below(4)));
                // Takes effect in the sums with the tenant's next turn.
                all.run.run_for(40ms);
            }
            clock_sums found;
            for (std::size_t i = 0; i != plan.tenants(); ++i) {
                if (all.is_member(i)) {
                    const tenant_share& share = all.run.tenants[i].share;
                    const auto at = static_cast<std::uint64_t>(share.position(all.run.queue.id()));
                    found.weight += share.weight();
                    found.moment += share.weight() * at;
                }
            }
            const clock_sums kept = all.run.queue.sums();
            if (found.weight != kept.weight || found.moment != kept.moment) {
                return "sums are not those of the members";
            }
        }
        return {};
    });
}

TEST(LagProperties, ClockAndServiceNeverGoBack) {
    expect_to_hold(40, []() -> std::string {
        const crowd_plan plan = *crowds({.items_max = 2, .flapping_max = 50});
        crowd all(plan);
        virtual_time clock = all.run.queue.clock().at(all.run.now);
        std::vector<virtual_time> service(plan.tenants(), 0);
        bool went_back = false;
        all.run.on_start = [&](const virtual_item&) {
            const virtual_time now = all.run.queue.clock().at(all.run.now);
            went_back |= before(now, std::exchange(clock, now));
        };
        for (int sample = 0; sample != 100; ++sample) {
            all.run.run_for(quantum);
            for (std::size_t i = 0; i != plan.tenants(); ++i) {
                const virtual_time now = all.run.tenants[i].share.service();
                went_back |= before(now, std::exchange(service[i], now));
            }
        }
        return went_back ? "time or service went back" : "";
    });
}

}  // namespace
}  // namespace drama
