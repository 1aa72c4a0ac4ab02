// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/explore/shrink.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "drama/sim/explore/swarm.hpp"

namespace drama::inline v0 {
namespace {

// A smaller run may take more steps, but one that takes for ever is another failure.
constexpr std::uint64_t steps_spare = 10'000;
constexpr const char* livelock = "livelock";
// Runs that get nowhere are the longest: to make one smaller, many are looked at less closely.
constexpr std::uint64_t patience_part = 10;

class shrinker {
  public:
    shrinker(sim_test_runner& with, const run_spec& spec, const run_record& seen,
             const std::function<bool()>& may_go_on)
        : with_(with), may_go_on_(may_go_on), first_(seen) {
        best_.spec = spec;
        best_.record = seen;
        if (seen.verdict.word == livelock) {
            best_.spec.patience.steps /= patience_part;
            best_.spec.patience.marks /= patience_part;
        }
    }

    shrunk_failure run() {
        const bool is_livelock = first_.verdict.word == livelock;
        if (is_livelock && !try_change("", best_.spec)) {
            best_.spec.patience = {};
        }
        switch_features_off();
        leave_tasks_out();
        lower_capacities();
        if (!is_livelock) {  // nobody reads a schedule of so many steps
            plan_schedule();
            remove_deviations();
        }
        return std::move(best_);
    }

  private:
    // Whether the failure is there without what `change` takes away; kept then. `to_the_letter`:
    // only with the same values too, as sums over all tasks are wrong for every part of them.
    bool try_change(const std::string& what, const run_spec& changed, bool to_the_letter = false) {
        if (!may_go_on_()) {
            return false;
        }
        ++best_.runs;
        run_spec bounded = changed;
        bounded.steps_max = 2 * first_.steps + steps_spare;
        run_record seen = with_.run(bounded);
        if (seen.verdict.holds() || !is_same_failure(seen, first_) ||
            (to_the_letter && seen.expectations != first_.expectations)) {
            return false;
        }
        best_.spec = changed;
        best_.record = std::move(seen);
        if (!what.empty()) {
            best_.steps.push_back(what);
        }
        return true;
    }

    void switch_features_off() {
        for (std::size_t index = 0; index != fault_kinds; ++index) {
            if (best_.spec.how.swarm && first_.fired[index] != 0) {
                run_spec changed = best_.spec;
                changed.faults_off |= std::uint64_t{1} << index;
                try_change("without " + std::string(name_of(static_cast<fault_kind>(index))),
                           changed);
            }
        }
        for (const swarm_part each : swarm_parts) {
            if (best_.spec.how.swarm) {
                run_spec changed = best_.spec;
                changed.plain_parts |= bit_of(each);
                try_change(std::string("plain ") + name_of(each), changed);
            }
        }
    }

    void leave_tasks_out() {
        for (std::size_t number = first_.starts; number-- != 0;) {
            run_spec changed = best_.spec;
            changed.left_out.insert(std::ranges::lower_bound(changed.left_out, number), number);
            try_change("without task " + std::to_string(number), changed, true);
        }
    }

    void lower_capacities() {
        for (const std::size_t most : {1, 2, 4}) {
            run_spec changed = best_.spec;
            changed.capacity_max = most;
            if (try_change("capacities of at most " + std::to_string(most), changed)) {
                break;
            }
        }
        for (const std::size_t most : {1, 2}) {
            run_spec changed = best_.spec;
            changed.workers = most;
            if (try_change(std::to_string(most) + (most == 1 ? " worker" : " workers"), changed)) {
                break;
            }
        }
    }

    // From a strategy to the list of what it did. The same run, so the same failure.
    void plan_schedule() {
        if (!may_go_on_()) {
            return;
        }
        run_spec recorded = best_.spec;
        recorded.records_deviations = true;
        run_record seen = with_.run(recorded);
        ++best_.runs;
        best_.deviations_before = seen.deviations.size();
        run_spec planned = best_.spec;
        planned.deviations = std::move(seen.deviations);
        if (!try_change("", planned)) {
            return;
        }
        for (const question each : {question::step, question::wake, question::preempts,
                                    question::preemption, question::choose}) {
            run_spec changed = best_.spec;
            std::erase_if(*changed.deviations,
                          [&](const deviation& one) { return one.asked == each; });
            if (changed.deviations->size() != best_.spec.deviations->size()) {
                try_change("", changed);
            }
        }
    }

    // Halves, then quarters, and so on: a piece that is not needed goes (delta debugging).
    void remove_deviations() {
        if (!best_.spec.deviations) {
            return;
        }
        std::size_t piece = std::max<std::size_t>(best_.spec.deviations->size() / 2, 1);
        while (may_go_on_() && !best_.spec.deviations->empty()) {
            bool removed = false;
            for (std::size_t from = 0; from < best_.spec.deviations->size() && may_go_on_();) {
                if (try_without(from, piece)) {
                    removed = true;
                } else {
                    from += piece;
                }
            }
            if (piece == 1 && !removed) {
                return;
            }
            piece = std::max<std::size_t>(piece / 2, 1);
        }
    }

    bool try_without(std::size_t from, std::size_t count) {
        run_spec changed = best_.spec;
        auto& list = *changed.deviations;
        const auto begins = list.begin() + static_cast<std::ptrdiff_t>(from);
        list.erase(begins,
                   begins + static_cast<std::ptrdiff_t>(std::min(count, list.size() - from)));
        return try_change("", changed);
    }

    sim_test_runner& with_;
    const std::function<bool()>& may_go_on_;
    const run_record first_;
    shrunk_failure best_;
};

// "file:line" of the first expectation that failed.
std::string_view first_place(std::string_view expectations) {
    const std::size_t line = expectations.find(": ");
    return expectations.substr(0, line);
}

}  // namespace

bool is_same_failure(const run_record& one, const run_record& other) {
    // A livelock is met anywhere in it.
    return one.verdict.word == other.verdict.word &&
           (one.verdict.places == other.verdict.places || one.verdict.word == livelock) &&
           first_place(one.expectations) == first_place(other.expectations);
}

shrunk_failure shrink(sim_test_runner& with, const run_spec& spec, const run_record& seen,
                      const std::function<bool()>& may_go_on) {
    return shrinker(with, spec, seen, may_go_on).run();
}

}  // namespace drama::inline v0
