// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/report/describe_failure.hpp"

#include <cerrno>
#include <functional>
#include <utility>

#include "drama/sim/explore/replay_token.hpp"
#include "drama/sim/explore/shrink.hpp"
#include "drama/sim/report/run_trace.hpp"

namespace drama::inline v0 {
namespace {

constexpr std::size_t last_steps = 12;
constexpr int confirmations = 5;
constexpr std::uint64_t steps_long = 200'000;  // a run of more is confirmed once

replay_token token_of(const run_spec& spec) {
    return {spec.seed, spec.how.to_text(), build_id()};
}

// What shrinking did. Yields how often the smaller run fails in the same way.
int add_shrunk(sim_test_runner& with, const shrunk_failure& small, const run_record& seen,
               const std::function<bool()>& has_time, failure_report& into) {
    int same = 0;
    int tried = 0;
    do {
        ++tried;
        same += is_same_failure(with.run(small.spec), seen) ? 1 : 0;
    } while (tried != confirmations && seen.steps < steps_long && has_time());
    into.shrunk.push_back(std::to_string(seen.steps) + " -> " + std::to_string(small.record.steps) +
                          " steps, " + std::to_string(seen.starts) + " -> " +
                          std::to_string(seen.starts - small.spec.left_out.size()) + " tasks, " +
                          std::to_string(small.deviations_before) + " -> " +
                          std::to_string(small.deviations()) + " deviations; same verdict " +
                          std::to_string(same) + '/' + std::to_string(tried) + " (" +
                          std::to_string(small.runs) + " runs)");
    for (const std::string& each : small.steps) {
        into.shrunk.push_back(each);
    }
    if (small.spec.deviations) {
        for (const deviation& each : *small.spec.deviations) {
            into.schedule.push_back(to_text(each));
        }
    }
    return same;
}

}  // namespace

std::string replay_command(const sim_test_case& test, const run_spec& spec) {
    return "DRAMA_SEED=" + token_of(spec).to_text() + ' ' + program_invocation_name +
           " --gtest_filter=" + test.full_name();
}

failure_report describe_failure(sim_test_runner& with, const run_spec& spec, const run_record& seen,
                                const describe_options& options) {
    failure_report shown;
    shown.test = with.test().full_name();
    shown.token = token_of(spec).to_text();
    shown.command = replay_command(with.test(), spec);
    shown.word = seen.verdict.word;
    shown.what = seen.verdict.what;
    shown.step = seen.verdict.step;
    shown.at_ns = seen.verdict.at.time_since_epoch().count();
    shown.strategy = spec.how.to_text();
    shown.runs = options.runs;
    shown.took_ms = options.took_ms;
    shown.waits = seen.verdict.waits;
    shown.faults = seen.faults;
    shown.expectations = seen.expectations;
    run_spec shown_spec = spec;
    if (options.shrink_budget > duration::zero()) {
        const clock time;
        const instant until = time.now() + options.shrink_budget;
        const std::function<bool()> has_time = [&] { return time.now() < until; };
        const shrunk_failure small = shrink(with, spec, seen, has_time);
        if (add_shrunk(with, small, seen, has_time, shown) != 0) {
            shown_spec = small.spec;
        }
    }
    run_trace trace;
    shown_spec.trace = &trace;
    shown_spec.stop_at_step = 0;
    const run_record last = with.run(shown_spec);
    shown.last_steps = last_lines(trace, last_steps, last.verdict.step);
    if (!options.folder.empty()) {
        shown.folder = options.folder + '/' + shown.test;
        if (!write_report(shown, timeline_html(trace, shown.test + ": " + shown.word),
                          shown.folder)) {
            shown.folder.clear();
        }
    }
    return shown;
}

}  // namespace drama::inline v0
