// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/explore/explorer.hpp"

#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>

#include <charconv>
#include <cstdio>
#include <string_view>

#include "drama/runtime/world/environment.hpp"
#include "drama/sim/explore/k_loops.hpp"
#include "drama/sim/report/crash_note.hpp"
#include "drama/sim/report/describe_failure.hpp"
#include "drama/sim/stuck_thread_watch.hpp"

namespace drama::inline v0 {
namespace {

constexpr duration progress_period = std::chrono::seconds(5);
constexpr std::uint32_t deviations_max = 3;
// To make a failure of so many steps smaller takes a while.
constexpr std::uint64_t steps_long = 200'000;
constexpr int long_shrink_part = 4;  // it has no more than that of its time
// Shares of the budget, in percent, for what is tried in order; the rest is sampled.
constexpr std::uint64_t loops_percent = 30;
constexpr std::uint64_t bounded_percent = 45;

duration cpu_time() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto length = [](const timeval& from) {
        return std::chrono::seconds(from.tv_sec) + std::chrono::microseconds(from.tv_usec);
    };
    return length(used.ru_utime) + length(used.ru_stime);
}

// Only one thread of a simulation runs at a time: on one CPU they pass the baton faster. Threads
// that start meanwhile stay there.
class on_one_cpu {
  public:
    on_one_cpu() noexcept {
        known_ = ::sched_getaffinity(0, sizeof before_, &before_) == 0;
        const int here = ::sched_getcpu();
        if (known_ && here >= 0) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(static_cast<unsigned>(here), &one);
            ::sched_setaffinity(0, sizeof one, &one);
        }
    }
    ~on_one_cpu() {
        if (known_) {
            ::sched_setaffinity(0, sizeof before_, &before_);
        }
    }
    on_one_cpu(const on_one_cpu&) = delete;
    on_one_cpu& operator=(const on_one_cpu&) = delete;

  private:
    cpu_set_t before_{};
    bool known_ = false;
};

// A run gives its memory back to the next one: with the allocator's usual bounds each would get its
// larger pieces from the kernel, page by page.
void keep_memory() noexcept {
    constexpr int kept = 256 * 1024 * 1024;
    ::mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
    ::mallopt(M_TRIM_THRESHOLD, kept);
}

class search {
  public:
    search(const sim_test_case& test, const explore_options& options, expectation_probe& probe)
        : runner_(test, probe), options_(options), began_(time_.now()) {}

    exploration run() {
        const duration before = cpu_time();
        if (options_.replay) {
            replay(*options_.replay);
        } else {
            search_all();
        }
        found_.spent = cpu_time() - before;
        return std::move(found_);
    }

  private:
    void replay(const replay_token& token) {
        found_.refused = why_refused(token, build_id());
        std::optional<search_step> how = search_step::sample(token.seed);
        if (!token.how.empty()) {
            how = search_step::parse(token.how);
        }
        if (found_.refused.empty() && !how) {
            found_.refused = "DRAMA_SEED names an unknown strategy: " + token.how;
        }
        if (found_.refused.empty()) {
            try_one({.seed = token.seed, .how = *how, .stop_at_step = options_.stop_at_step});
        }
    }

    void search_all() {
        const run_record first = try_one({.seed = options_.first_seed});
        search_loops({first.survives, first.points, first.steps, first.starts});
        search_bounded();
        for (std::uint64_t seed = options_.first_seed + 1; may_go_on(100); ++seed) {
            try_one({.seed = seed, .how = search_step::sample(seed)});
        }
    }

    void search_loops(const loop_ground& ground) {
        for (const search_step& each : plan_loops(ground)) {
            if (!may_go_on(loops_percent)) {
                return;
            }
            try_one({.seed = options_.first_seed, .how = each});
        }
    }

    void search_bounded() {
        bounded_search schedules(deviations_max);
        while (!schedules.is_over() && may_go_on(bounded_percent)) {
            run_spec spec{.seed = options_.first_seed};
            spec.how.kind = search_kind::bounded;
            spec.how.preemptions = schedules.take();
            const run_record seen = try_one(spec);
            schedules.note(seen.decisions, seen.hash);
        }
        found_.dropped = schedules.dropped();
    }

    // Whether so many percent of the budget are not used up.
    bool may_go_on(std::uint64_t percent) {
        if (!found_.holds()) {
            return false;
        }
        const instant now = time_.now();
        if (now - shown_ >= progress_period) {
            shown_ = now;
            show_progress(now);
        }
        return found_.seeds * 100 < options_.runs * percent &&
               now - began_ < options_.budget / 100 * static_cast<std::int64_t>(percent);
    }

    void show_progress(instant now) {
        if (now - began_ < progress_period) {
            return;
        }
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - began_);
        print(runner_.test().full_name() + ": " + std::to_string(found_.seeds) + " runs, " +
              std::to_string(found_.seeds / static_cast<std::uint64_t>(seconds.count())) +
              "/s, nothing found");
    }

    run_record try_one(const run_spec& spec) {
        crash_note::set("FAIL " + runner_.test().full_name() +
                        "  crash  replay: " + replay_command(runner_.test(), spec) + '\n');
        run_record seen = count(runner_.run(spec));
        ++found_.seeds;
        if (options_.twice_one_in != 0 && found_.seeds % options_.twice_one_in == 0) {
            if (count(runner_.run(spec)).hash != seen.hash) {
                ++found_.mismatches;
                print("MISMATCH " + runner_.test().full_name() + "  two runs of " +
                      replay_command(runner_.test(), spec));
            }
        }
        if (!seen.verdict.holds()) {
            report(spec, seen);
        }
        return seen;
    }

    run_record count(run_record seen) {
        ++found_.runs;
        found_.steps += seen.steps;
        for (std::size_t index = 0; index != fault_kinds; ++index) {
            found_.fired[index] += seen.fired[index];
        }
        return seen;
    }

    void report(const run_spec& spec, const run_record& seen) {
        const auto took =
            std::chrono::duration_cast<std::chrono::milliseconds>(time_.now() - began_);
        if (seen.steps > steps_long) {
            print(runner_.test().full_name() + ": " + seen.verdict.word + ", is made smaller  " +
                  replay_command(runner_.test(), spec));
        }
        failure_report shown = describe_failure(
            runner_, spec, seen,
            {.shrink_budget = options_.replay           ? duration::zero()
                              : seen.steps > steps_long ? options_.shrink_budget / long_shrink_part
                                                        : options_.shrink_budget,
             .folder = options_.report_folder,
             .runs = found_.seeds,
             .took_ms = took.count()});
        print(shown.text());
        found_.failure = found_failure{spec, seen, std::move(shown)};
    }

    void print(const std::string& text) const {
        if (options_.print) {
            options_.print(text);
            return;
        }
        std::fprintf(stderr, "%s\n", text.c_str());
        std::fflush(stderr);
    }

    sim_test_runner runner_;
    const explore_options& options_;
    const clock time_;
    const instant began_;
    instant shown_ = began_;
    exploration found_;
};

// Yields false and says why if the variable is there and is no number.
bool read_number(const char* name, std::optional<std::uint64_t>& into, std::string& why) {
    const auto text = environment(name);
    if (!text) {
        return true;
    }
    std::uint64_t number = 0;
    const char* const end = text->data() + text->size();
    const auto [stopped, error] = std::from_chars(text->data(), end, number);
    if (error != std::errc() || stopped != end) {
        why = std::string(name) + " is not a number: " + *text;
        return false;
    }
    into = number;
    return true;
}

}  // namespace

std::optional<explore_options> explore_options::from_environment(std::string& why) {
    explore_options found;
    std::optional<std::uint64_t> runs;
    std::optional<std::uint64_t> seconds;
    std::optional<std::uint64_t> stop_at;
    if (!read_number("DRAMA_SIM_RUNS", runs, why) ||
        !read_number("DRAMA_SIM_SECONDS", seconds, why) ||
        !read_number("DRAMA_SIM_STOP_AT", stop_at, why)) {
        return std::nullopt;
    }
    // One of the two alone is meant to be the only bound.
    if (seconds || runs) {
        found.runs = runs.value_or(~std::uint64_t{0} / 100);
        found.budget = seconds ? duration(std::chrono::seconds(*seconds)) : duration::max();
    } else {
        found.runs = usual_runs;
        found.budget = usual_budget;
    }
    found.stop_at_step = stop_at.value_or(0);
    found.report_folder = environment("DRAMA_SIM_REPORT").value_or("sim-reports");
    if (const auto text = environment("DRAMA_SEED")) {
        found.replay = replay_token::parse(*text);
        if (!found.replay) {
            why = "DRAMA_SEED is neither v1:<hexadecimal>[:<strategy>[:<build>]] nor a number: " +
                  *text;
            return std::nullopt;
        }
    }
    if (found.stop_at_step != 0 && !found.replay) {
        why = "DRAMA_SIM_STOP_AT needs DRAMA_SEED: which run?";
        return std::nullopt;
    }
    return found;
}

exploration explore(const sim_test_case& test, const explore_options& options,
                    expectation_probe& probe) {
    const on_one_cpu bound;
    const crash_note last_words;
    const stuck_thread_watch looks_on;
    keep_memory();
    return search(test, options, probe).run();
}

std::vector<sim_test_case>& registered_sim_tests() {
    static std::vector<sim_test_case> tests;
    return tests;
}

}  // namespace drama::inline v0
