// SPDX-License-Identifier: Apache-2.0
// Generated crowds of tenants on a fair queue with virtual workers, and what is measured of them.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "drama/sched/testing/virtual_workers.hpp"
#include "property.hpp"

namespace drama {

/// How long the polls of a run are.
enum class poll_law : std::uint8_t { constant, normal, bimodal, pareto };
inline constexpr duration poll_max = 100us;

/// A tenant that always has `items` items.
struct member_plan {
    int weight = 1;
    int items = 1;
    work_class cls = work_class::read;
};
inline std::ostream& operator<<(std::ostream& out, const member_plan& plan) {
    return out << "{weight " << plan.weight << ", items " << plan.items << ", " << name_of(plan.cls)
               << "}";
}

struct crowd_plan {
    std::uint64_t seed = 1;
    std::size_t workers = 1;
    poll_law law = poll_law::constant;
    duration mean = 5us;
    std::size_t per_worker = 10;       ///< tenants for each worker; they repeat `members`
    std::vector<member_plan> members;  ///< not empty
    int flapping = 0;                  ///< of a hundred tenants: how many come and go

    std::size_t tenants() const { return workers * per_worker; }
    duration poll_most() const { return law == poll_law::constant ? mean : poll_max; }
    const member_plan& member(std::size_t tenant) const { return members[tenant % members.size()]; }
};
inline std::ostream& operator<<(std::ostream& out, const crowd_plan& plan) {
    out << "seed " << plan.seed << ", " << plan.workers << " workers, " << plan.tenants()
        << " tenants, law " << static_cast<int>(plan.law) << ", mean " << plan.mean.count()
        << " ns, " << plan.flapping << " % flapping:";
    for (const member_plan& each : plan.members) {
        out << ' ' << each;
    }
    return out;
}

/// What a generator of crowds may choose from.
struct crowd_limits {
    std::size_t per_worker_min = 20;  ///< with weights of at most 4: nobody is due a whole worker
    std::size_t per_worker_max = 60;
    int weight_max = 4;
    int items_max = 1;
    bool all_classes = true;
    int flapping_max = 0;
};

inline rc::Gen<member_plan> members_of(crowd_limits limits) {
    const int classes = limits.all_classes ? static_cast<int>(work_classes) : 1;
    return rc::gen::map(
        rc::gen::tuple(rc::gen::inRange(1, limits.weight_max + 1),
                       rc::gen::inRange(1, limits.items_max + 1), rc::gen::inRange(0, classes)),
        [](const std::tuple<int, int, int>& drawn) {
            const auto& [weight, items, cls] = drawn;
            // Shrinks towards reads, the class of most work.
            constexpr std::array order = {work_class::read, work_class::write, work_class::compute,
                                          work_class::accept};
            return member_plan{weight, items, order[static_cast<std::size_t>(cls)]};
        });
}

inline rc::Gen<crowd_plan> crowds(crowd_limits limits = {}) {
    return rc::gen::map(
        rc::gen::tuple(
            rc::gen::noShrink(rc::gen::arbitrary<std::uint64_t>()),
            rc::gen::element<std::size_t>(1, 2, 4, 8),
            rc::gen::element(poll_law::constant, poll_law::normal, poll_law::bimodal,
                             poll_law::pareto),
            rc::gen::inRange(1, 30),
            rc::gen::inRange(limits.per_worker_min, limits.per_worker_max + 1),
            rc::gen::nonEmpty(rc::gen::container<std::vector<member_plan>>(members_of(limits))),
            rc::gen::inRange(0, limits.flapping_max + 1)),
        [](const auto& drawn) {
            const auto& [seed, workers, law, mean_us, per_worker, members, flapping] = drawn;
            return crowd_plan{seed,       workers, law,     std::chrono::microseconds(mean_us),
                              per_worker, members, flapping};
        });
}

/// Draws a poll's length.
inline duration draw_poll(prng& random, poll_law law, duration mean) {
    const auto ns = static_cast<double>(mean.count());
    double drawn = ns;
    switch (law) {
        case poll_law::constant:
            break;
        case poll_law::normal: {
            double sum = -6;
            for (int i = 0; i != 12; ++i) {
                sum += random.unit();
            }
            drawn = ns * (1 + 0.3 * sum);
            break;
        }
        case poll_law::bimodal:
            drawn = random.below(10) == 0 ? ns * 5.5 : ns / 2;
            break;
        case poll_law::pareto:
            drawn = ns / 11 * std::pow(1 - random.unit(), -1 / 1.1);
            break;
    }
    return std::clamp(duration(static_cast<std::int64_t>(drawn)), duration(100), poll_max);
}

/// Of all members. Units: ns of service beyond the clock.
struct member_sums {
    double weight = 0;
    double moment = 0;   ///< of weight times position, what they run now included
    double charged = 0;  ///< the same without
};

/// A crowd that runs.
class crowd {
  public:
    explicit crowd(const crowd_plan& made_by, policy order = policy::fair)
        : plan(made_by), run(order, made_by.workers, made_by.seed) {
        for (std::size_t i = 0; i != plan.tenants(); ++i) {
            const member_plan& member = plan.member(i);
            const bool flaps = static_cast<int>(i) * plan.flapping % 100 < plan.flapping;
            virtual_tenant& made = run.add_hog(
                member.weight, static_cast<std::size_t>(member.items), [this] { return poll(); },
                member.cls);
            weight += member.weight;
            if (flaps) {
                flap(made, member);
            }
        }
    }

    duration poll() { return draw_poll(run.random, plan.law, plan.mean); }

    double weight_of(std::size_t tenant) const { return plan.member(tenant).weight; }
    /// What a second brings `tenant`, in seconds of one worker.
    double rate_of(std::size_t tenant) const {
        return static_cast<double>(plan.workers) * weight_of(tenant) / weight;
    }
    /// What it has got, up to now.
    duration served(std::size_t tenant) const {
        const virtual_tenant& of = run.tenants[tenant];
        return of.served + run.unfinished(of);
    }
    /// The longest request of all tenants.
    duration request_max() const {
        duration longest{};
        for (const member_plan& each : plan.members) {
            longest = std::max(longest, slice_of(each.cls, latency::normal));
        }
        return longest;
    }

    /// Has work on some shard.
    bool is_member(std::size_t tenant) const {
        const auto& lanes = run.tenants[tenant].lanes;
        return std::any_of(lanes.begin(), lanes.end(),
                           [](const auto& each) { return !each->empty() || each->is_running(); });
    }
    /// Where it stands, what it runs now included. Units: ns of service at weight 1 beyond the
    /// clock.
    double position(std::size_t tenant) const {
        const virtual_tenant& of = run.tenants[tenant];
        const virtual_span beyond =
            gap(of.share.position(run.queue.id()), run.queue.clock().at(run.now));
        return static_cast<double>(beyond) / virtual_units_per_ns +
               static_cast<double>(run.unsettled(of).count()) / weight_of(tenant);
    }

    member_sums sums() const {
        member_sums total;
        for (std::size_t i = 0; i != plan.tenants(); ++i) {
            if (is_member(i)) {
                total.weight += weight_of(i);
                const double moment = weight_of(i) * position(i);
                const virtual_tenant& of = run.tenants[i];
                total.moment += moment;
                total.charged += moment - static_cast<double>(run.unsettled(of).count());
            }
        }
        return total;
    }

    crowd_plan plan;
    double weight = 0;
    virtual_workers run;

  private:
    // Comes for ten quanta or so and goes for as long.
    void flap(virtual_tenant& of, const member_plan& member) {
        run.every([this] { return duration(run.random.below(20 * quantum.count())); },
                  [this, &of, &member] {
                      if (of.refill) {
                          of.refill = {};
                          return;
                      }
                      of.refill = [this] { return poll(); };
                      while (of.items < static_cast<std::size_t>(member.items)) {
                          run.submit(of, member.cls, poll());
                      }
                  });
    }
};

inline double us(duration span) {
    return static_cast<double>(span.count()) / 1000;
}

inline std::string out_of_bounds(const std::string& what, double value, double least, double most) {
    std::ostringstream out;
    out << what << ": " << value << ", bounds " << least << " to " << most;
    return out.str();
}

}  // namespace drama
