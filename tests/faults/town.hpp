// SPDX-License-Identifier: Apache-2.0
// A small simulated runtime in which faults are planned before it is made.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "drama/fault/fault_plan.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/carrier_threads.hpp"
#include "drama/sim/simulation.hpp"

namespace drama::faults {

using rules = std::vector<fault_rule>;

inline runtime_options quiet(std::size_t workers) {
    runtime_options options;
    options.workers = workers;
    options.log = [](const std::string&) {};
    options.on_stall = [](const stall_report&) {};
    return options;
}

inline carrier_threads& shared_carriers() {
    static carrier_threads carriers;
    return carriers;
}

inline sim_options with_shared_carriers() {
    sim_options options;
    options.carriers = &shared_carriers();
    return options;
}

/// Lifetime: what its tasks use outlives it, so it is declared last.
struct town {
    explicit town(std::uint64_t seed, const rules& planned = {},
                  const runtime_options& options = quiet(2))
        : sim(seed, with_shared_carriers()), rt(planning(sim, planned), options) {
        sim.watch(rt);
        EXPECT_TRUE(rt.start());
    }
    ~town() {
        if (!is_stopped) {
            EXPECT_TRUE(rt.stop()) << sim.replay();
        }
    }

    static sim_world& planning(simulation& sim, const rules& planned) {
        for (const fault_rule& rule : planned) {
            sim.faults().add(rule);
        }
        return sim.world();
    }

    tenant of(const std::string& name) { return rt.tenants().get_or_create(name); }
    template <class... Work>
    void start(const std::string& payer, Work... work) {
        EXPECT_TRUE(rt.try_spawn(of(payer), std::move(work)...)) << sim.replay();
    }
    // A clock that jumps takes an hour, a cut connection as many minutes.
    void run() { EXPECT_TRUE(sim.run_to_end(std::chrono::hours(24))) << sim.replay(); }
    void expect_fired(fault_kind kind) {
        EXPECT_GT(sim.faults().fired(kind), 0U) << name_of(kind) << ' ' << sim.replay();
    }

    simulation sim;
    runtime rt;
    bool is_stopped = false;  ///< the test has stopped the runtime by itself
};

}  // namespace drama::faults
