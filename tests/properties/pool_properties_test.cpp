// SPDX-License-Identifier: Apache-2.0
// P3, that nobody falls far behind the fluid on a pool of servers, and P14, that what is charged in
// the end is what was used: of functions that run to their end, expected ones and known ones, and
// of turns.
#include <gtest/gtest.h>

#include <deque>

#include "drama/sched/pool_order.hpp"
#include "crowd.hpp"

namespace drama {
namespace {

struct function_plan {
    int weight_log2 = 0;
    int mean_us = 100;
};
std::ostream& operator<<(std::ostream& out, const function_plan& plan) {
    return out << "{weight " << (1 << plan.weight_log2) << ", mean " << plan.mean_us << " us}";
}

struct pool_plan {
    std::uint64_t seed = 1;
    std::uint32_t servers = 1;
    poll_law law = poll_law::constant;
    std::vector<function_plan> tenants;
};
std::ostream& operator<<(std::ostream& out, const pool_plan& plan) {
    out << "seed " << plan.seed << ", " << plan.servers << " servers, law "
        << static_cast<int>(plan.law) << ':';
    for (const function_plan& each : plan.tenants) {
        out << ' ' << each;
    }
    return out;
}

rc::Gen<pool_plan> pools() {
    const auto function = rc::gen::map(
        rc::gen::pair(rc::gen::inRange(0, 3), rc::gen::element(100, 300, 1'000, 10'000, 100'000)),
        [](const auto& drawn) { return function_plan{drawn.first, drawn.second}; });
    return rc::gen::map(
        rc::gen::tuple(rc::gen::noShrink(rc::gen::arbitrary<std::uint64_t>()),
                       rc::gen::inRange<std::uint32_t>(1, 9),
                       rc::gen::element(poll_law::constant, poll_law::normal, poll_law::bimodal),
                       rc::gen::nonEmpty(rc::gen::container<std::vector<function_plan>>(function))),
        [](const auto& drawn) {
            const auto& [seed, servers, law, tenants] = drawn;
            return pool_plan{seed, servers, law, tenants};
        });
}

/// Servers in virtual time, and tenants that always have work: a function more than there are
/// servers, so that nobody leaves in between.
class pool {
  public:
    pool(const pool_plan& made_by, bool knows_costs)
        : plan(made_by),
          knows_costs_(knows_costs),
          random_(plan.seed),
          order_(policy::fair, plan.servers, queue_id::compute),
          running_(plan.servers) {
        for (const function_plan& each : plan.tenants) {
            tenants.emplace_back(each);
            weight += tenants.back().weight();
        }
        for (std::size_t t = 0; t != tenants.size(); ++t) {
            for (std::uint32_t i = 0; i != plan.servers + 1; ++i) {
                push(items_.emplace_back(), t);
            }
        }
        fill();
    }

    pool(const pool&) = delete;
    ~pool() { drain(); }

    struct member {
        explicit member(const function_plan& by) : plan(by), share(1 << by.weight_log2) {}
        double weight() const { return 1 << plan.weight_log2; }
        function_plan plan;
        tenant_share share;
        pool_lanes lanes{share};
        duration served{};  // of functions that ended
    };

    /// One event: a function ends, or those that run are charged so far.
    void step() {
        std::uint32_t first = 0;
        for (std::uint32_t s = 0; s != plan.servers; ++s) {
            first = running_[s].ends < running_[first].ends ? s : first;
        }
        constexpr duration refresh = 10ms;
        if (running_[first].ends > refreshed_ + refresh) {
            now = refreshed_ += refresh;
            for (slot& each : running_) {
                if (each.grant) {
                    order_.refresh(each.grant, now - each.began, now);
                }
            }
            return;
        }
        now = running_[first].ends;
        finish(running_[first], true);
        fill();
    }
    /// What `tenant` has got, up to now.
    duration got(std::size_t tenant) const {
        duration total = tenants[tenant].served;
        for (const slot& each : running_) {
            if (each.grant && static_cast<const function*>(each.grant.item)->tenant == tenant) {
                total += now - each.began;
            }
        }
        return total;
    }
    /// No function comes any more; those that run and wait end.
    void drain() {
        for (;;) {
            fill();
            std::uint32_t first = 0;
            for (std::uint32_t s = 0; s != plan.servers; ++s) {
                first = running_[s].ends < running_[first].ends ? s : first;
            }
            if (running_[first].ends == never) {
                return;
            }
            now = running_[first].ends;
            finish(running_[first], false);
        }
    }
    pool_plan plan;
    std::deque<member> tenants;
    double weight = 0;
    duration longest{};  ///< of all functions so far
    instant now = instant(1s);

  private:
    struct function : pool_item {
        std::size_t tenant = 0;
        duration cost{};
    };
    struct slot {
        pool_grant grant;
        instant began{};
        instant ends = never;
    };

    void push(function& item, std::size_t tenant) {
        member& of = tenants[tenant];
        item.tenant = tenant;
        item.site = 1 + random_.below(3);
        // draw_poll() stops at its longest poll.
        item.cost = draw_poll(random_, plan.law, 5us) * of.plan.mean_us / 5;
        item.known_cost = knows_costs_ ? item.cost : duration(0);
        longest = std::max(longest, item.cost);
        order_.push(of.lanes, item, now);
    }
    void fill() {
        for (std::uint32_t s = plan.servers; s-- != 0;) {
            slot& here = running_[s];
            if (!here.grant && (here.grant = order_.pick(s, now))) {
                here.began = now;
                here.ends = now + static_cast<function*>(here.grant.item)->cost;
            }
        }
    }
    void finish(slot& here, bool again) {
        auto& done = *static_cast<function*>(here.grant.item);
        order_.settle(here.grant, done.cost, now);
        tenants[done.tenant].served += done.cost;
        here = {};
        if (again) {
            push(done, done.tenant);
        }
    }

    bool knows_costs_;
    prng random_;
    pool_order order_;
    std::deque<function> items_;
    std::vector<slot> running_;
    instant refreshed_ = instant(1s);
};

// 2DFQ's theorem 1, with the fluid server beside: all have work all the time.
TEST(PoolProperties, NobodyIsFurtherBehindTheFluidThanOneLongestFunctionOfEachServer) {
    expect_to_hold(60, []() -> std::string {
        const pool_plan plan = *pools();
        pool all(plan, true);
        const instant begin = all.now;
        for (int event = 0; event != 2'000; ++event) {
            all.step();
            const double each_weight =
                us(all.now - begin) * static_cast<double>(plan.servers) / all.weight;
            const double bound = us(all.longest) * static_cast<double>(plan.servers);
            for (std::size_t i = 0; i != plan.tenants.size(); ++i) {
                const double lag = each_weight * all.tenants[i].weight() - us(all.got(i));
                if (lag > bound) {
                    return out_of_bounds("behind the fluid, us", lag, -INFINITY, bound);
                }
            }
        }
        return {};
    });
}

TEST(PoolProperties, WhatIsChargedInTheEndIsWhatWasUsed) {
    expect_to_hold(60, []() -> std::string {
        const pool_plan plan = *pools();
        const bool knows_costs = *rc::gen::arbitrary<bool>();
        pool all(plan, knows_costs);
        for (int event = 0; event != 500; ++event) {
            all.step();
        }
        all.drain();
        for (const auto& each : all.tenants) {
            // Weights are powers of two: nothing is rounded.
            const std::int64_t charged = each.share.service() << each.plan.weight_log2;
            const std::int64_t used = each.served.count() * virtual_units_per_ns;
            if (charged != used) {
                return "charged " + std::to_string(charged) + ", used " + std::to_string(used);
            }
        }
        return {};
    });
}

TEST(PoolProperties, WhatTurnsChargeInTheEndIsWhatTheyUsed) {
    expect_to_hold(60, []() -> std::string {
        crowd_plan plan = *crowds({.items_max = 3});
        for (member_plan& each : plan.members) {
            each.weight = each.weight == 3 ? 4 : each.weight;
        }
        crowd all(plan);
        all.run.run_for(20ms);
        for (virtual_tenant& each : all.run.tenants) {
            each.refill = {};
        }
        all.run.run_for(100ms);
        for (const virtual_tenant& each : all.run.tenants) {
            const std::int64_t charged =
                each.share.service() * (each.share.weight() / fixed_weight_one);
            const std::int64_t used = each.served.count() * virtual_units_per_ns;
            if (each.items != 0 || charged != used) {
                return "charged " + std::to_string(charged) + ", used " + std::to_string(used);
            }
        }
        return {};
    });
}

}  // namespace
}  // namespace drama
