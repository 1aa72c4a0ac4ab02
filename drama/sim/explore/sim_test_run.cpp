// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/explore/sim_test_run.hpp"

#include <exception>
#include <memory>
#include <optional>

#include "drama/sim/explore/swarm.hpp"
#include "drama/sim/points/heap_watch.hpp"
#include "drama/sim/report/lost_blocks.hpp"
#include "drama/sim/stuck_thread_watch.hpp"

namespace drama::inline v0 {
namespace {

constexpr std::size_t faults_told_max = 8;
// Longer than any number of stalls and jumps: to stop slowly is no failure, never to stop is one.
constexpr duration shutdown_patience = std::chrono::minutes(10);

}  // namespace

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
    setup.world.trace = spec.trace;
    setup.runtime.shutdown_deadline = shutdown_patience;
    setup.left_out = spec.left_out;
    setup.capacity_max = spec.capacity_max;
    setup.steps_max = spec.steps_max;
    setup.patience = spec.patience;
    setup.has_failed = probe_.question();
    setup.mute = probe_.muter();
    if (spec.how.kind == search_kind::loop && spec.how.loop == loop_kind::stop) {
        setup.stop = {spec.how.k, spec.how.task};
    }
    return setup;
}

// A loop breaks its one point; a swarm some of the kinds that the test survives, rarely or often.
void sim_test_runner::break_things(const run_spec& spec, sim_test_world& world) {
    if (spec.how.kind == search_kind::loop && spec.how.loop == loop_kind::fault) {
        world.faults().add({.kind = spec.how.fault,
                            .when = spec.how.from_then_on ? from(spec.how.k) : nth(spec.how.k)});
    }
    if (!spec.how.swarm) {
        return;
    }
    prng random(spec.seed ^ 0x6661756c7473ULL);
    for (std::size_t index = 0; index != fault_kinds; ++index) {
        const auto kind = static_cast<fault_kind>(index);
        const bool is_on = random.below(3) == 0;
        const double chance = 0.2 / static_cast<double>(std::uint64_t{1} << random.below(10));
        if (is_on && world.survives().contains(kind) && (spec.faults_off >> index & 1U) == 0) {
            world.faults().add({.kind = kind, .when = probability(chance)});
        }
    }
}

void sim_test_runner::look_at(sim_test_world& world, run_record& into) {
    into.hash = world.world().event_hash();
    into.steps = world.world().steps();
    into.events = world.world().events();
    into.starts = world.starts();
    into.survives = world.survives();
    into.has_killed = world.has_killed();
    for (std::size_t index = 0; index != fault_kinds; ++index) {
        into.points[index] = world.faults().asked(static_cast<fault_kind>(index));
        into.fired[index] = world.faults().fired(static_cast<fault_kind>(index));
    }
    for (const fired_fault& each : world.faults().log()) {
        if (into.faults.size() == faults_told_max) {
            break;
        }
        into.faults.push_back(to_text(each));
    }
}

run_record sim_test_runner::run(const run_spec& spec) {
    run_record seen;
    bool is_lost = false;
    {
        const internal::heap_watch watch(false);
        seen = run_once(spec);
        // What a killed process leaves is the kernel's, and a trace outlives the run.
        is_lost = seen.verdict.holds() && !seen.has_killed && spec.trace == nullptr &&
                  !watch.lost().empty();
    }
    if (is_lost) {
        judge_heap(spec, seen);
    }
    return seen;
}

// What grows once, a cache of the machine's libraries for instance, does not grow in the second of
// two equal runs.
void sim_test_runner::judge_heap(const run_spec& spec, run_record& into) {
    const internal::heap_watch watch(true);
    const run_record again = run_once(spec);
    const auto lost = watch.lost();
    if (!again.verdict.holds() || lost.empty()) {
        return;
    }
    into.verdict.word = "leak";
    into.verdict.step = into.steps;
    describe_lost_blocks(lost, into.verdict);
}

run_record sim_test_runner::run_once(const run_spec& spec) {
    const stuck_thread_watch::during_run lasts;
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
            internal::heap_watch::note_setup(true);
            test_.body(world);
            internal::heap_watch::note_setup(false);
            world.start_nodes();  // nothing breaks before they stand
            break_things(spec, world);
            seen.verdict = world.finish();
        } catch (const std::exception& thrown) {
            internal::heap_watch::note_setup(false);
            seen.verdict = {.word = "exception",
                            .what = thrown.what(),
                            .step = world.world().steps(),
                            .at = world.now()};
        }
        look_at(world, seen);
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
