// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/explore/sim_test_run.hpp"

#include <exception>
#include <memory>
#include <optional>

#include "drama/sim/explore/swarm.hpp"

namespace drama::inline v0 {

sim_test_setup sim_test_runner::set_up(const run_spec& spec, schedule_strategy& strategy) {
    sim_test_setup setup;
    setup.seed = spec.seed;
    if (spec.how.swarm) {
        draw_swarm(spec.seed, spec.plain_parts, setup);
    }
    if (spec.workers != 0) {
        setup.runtime.workers = spec.workers;
    }
    setup.world.carriers = &carriers_;
    setup.world.strategy = &strategy;
    setup.world.stop_at_step = spec.stop_at_step;
    setup.left_out = spec.left_out;
    setup.capacity_max = spec.capacity_max;
    setup.has_failed = probe_.question();
    if (spec.how.kind == search_kind::loop) {
        if (spec.how.loop == loop_kind::stop) {
            setup.stop = {spec.how.k, spec.how.task};
        } else {
            setup.threads_max = spec.how.k;
        }
    }
    return setup;
}

run_record sim_test_runner::run(const run_spec& spec) {
    const std::unique_ptr<schedule_strategy> strategy =
        spec.deviations ? std::make_unique<deviating_schedule>(*spec.deviations)
                        : make_strategy(spec.how, spec.seed);
    recording_schedule recorder(*strategy);
    schedule_strategy& asked =
        spec.records_deviations ? static_cast<schedule_strategy&>(recorder) : *strategy;
    run_record seen;
    probe_.begin();
    {
        sim_test_world world(set_up(spec, asked));
        try {
            test_.body(world);
            seen.verdict = world.finish();
        } catch (const std::exception& thrown) {
            seen.verdict = {.word = "exception",
                            .what = thrown.what(),
                            .step = world.world().steps(),
                            .at = world.now()};
        }
        seen.hash = world.world().event_hash();
        seen.steps = world.world().steps();
        seen.events = world.world().events();
        seen.starts = world.starts();
    }
    seen.expectations = probe_.end();
    if (seen.verdict.holds() && !seen.expectations.empty()) {
        seen.verdict.word = "expectation";
        seen.verdict.what = "an expectation failed";
        seen.verdict.step = seen.steps;
    }
    if (const auto* const bounded = dynamic_cast<const bounded_schedule*>(strategy.get())) {
        seen.decisions = bounded->made();
    }
    seen.deviations = recorder.deviations();
    return seen;
}

}  // namespace drama::inline v0
