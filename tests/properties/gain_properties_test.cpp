// SPDX-License-Identifier: Apache-2.0
// What nobody gains: P9, by sleeping, lying about classes or splitting work; P10, by idleness that
// went before.
#include <gtest/gtest.h>

#include "crowd.hpp"

namespace drama {
namespace {

/// What one tenant may be ahead of the fluid by, in us, beside its credit. All workers may run it
/// at once, and each charges it at its turn's end.
double ahead_of(const crowd& all, double weight) {
    const double rate = static_cast<double>(all.plan.workers) * weight / (all.weight + weight);
    return static_cast<double>(all.plan.workers) * us(quantum + poll_max) + us(slice_max) / 8 +
           rate * us(clock_period + quantum);
}

TEST(GainProperties, IdleTimeBringsNoMoreThanASlice) {
    expect_to_hold(60, []() -> std::string {
        const crowd_plan plan = *crowds();
        const auto cls = static_cast<work_class>(*rc::gen::inRange<int>(0, work_classes));
        const duration idle = std::chrono::milliseconds(*rc::gen::inRange(1, 100));
        crowd all(plan);
        virtual_tenant& sleeper = all.run.add();
        all.run.submit(sleeper, cls, 5us);
        all.run.run_for(idle);
        const duration got_before = sleeper.served;
        for (int i = 0; i != 2'000; ++i) {
            all.run.submit(sleeper, cls, 5us);
        }
        const double rate = static_cast<double>(plan.workers) / (all.weight + 1);
        for (duration since = 500us; since <= 10ms; since += 500us) {
            all.run.run_for(500us);
            const double got = us(sleeper.served - got_before + all.run.unfinished(sleeper));
            const double most =
                rate * us(since) + us(slice_of(cls, latency::normal)) + ahead_of(all, 1);
            if (got > most) {
                return out_of_bounds("service after idleness, us", got, 0, most);
            }
        }
        return {};
    });
}

/// How a tenant may try to get more than its share.
enum class trick : std::uint8_t { none, sleeps, lies, splits };

/// What a tenant of weight 1 that plays `played` gets beside a crowd, in us.
double got_by(const crowd_plan& plan, trick played, duration span) {
    crowd all(plan);
    virtual_tenant& player = all.run.add();
    virtual_workers& run = all.run;
    player.refill_class = played == trick::lies ? work_class::write : work_class::read;
    player.refill = [] { return 10us; };
    const std::size_t items = played == trick::splits ? 100 : 1;
    const auto work = [&run, &player, items] {
        while (player.items < items) {
            run.submit(player, player.refill_class, 10us);
        }
    };
    work();
    if (played == trick::sleeps) {
        // Comes back with its credit again and again.
        run.every([&run] { return duration(1 + run.random.below(1'000'000)); },
                  [&player, work] {
                      if (player.refill) {
                          player.refill = {};
                          return;
                      }
                      player.refill = [] { return 10us; };
                      work();
                  });
    }
    run.run_for(span);
    return us(player.served + run.unfinished(player));
}

TEST(GainProperties, NoTrickBringsMoreThanAnHonestTenantGets) {
    expect_to_hold(20, []() -> std::string {
        const crowd_plan plan = *crowds();
        constexpr duration span = 100ms;
        const double honest = got_by(plan, trick::none, span);
        for (const trick each : {trick::sleeps, trick::lies, trick::splits}) {
            const double got = got_by(plan, each, span);
            const double most =
                honest + us(slice_of(work_class::read, latency::normal)) + ahead_of(crowd(plan), 1);
            if (got > most) {
                return out_of_bounds("service by trick " + std::to_string(static_cast<int>(each)),
                                     got, 0, most);
            }
        }
        return {};
    });
}

}  // namespace
}  // namespace drama
