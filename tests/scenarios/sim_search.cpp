// SPDX-License-Identifier: Apache-2.0
// Runs the standard scenario for many seeds, each twice, and stops when three have failed or not
// replayed. Options: --seconds N, --first-seed S (or DRAMA_SEED), --seeds N; --hashes instead runs
// each seed once and prints its event hash.
#include <sched.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "drama/base/clock.hpp"
#include "drama/sim/carrier_threads.hpp"
#include "drama/sim/seed.hpp"
#include "tests/scenarios/standard_scenario.hpp"

namespace drama::scenarios {
namespace {

constexpr std::uint64_t failures_max = 3;

struct search_options {
    std::uint64_t first = 1;
    std::uint64_t seeds = ~std::uint64_t{0};
    std::uint64_t seconds = 10;
    bool only_hashes = false;
};

struct tally {
    std::uint64_t passed = 0;
    std::uint64_t failed = 0;
    std::uint64_t runs = 0;
    std::uint64_t steps = 0;
    std::uint64_t events = 0;
    std::uint64_t hand_overs = 0;
};

std::optional<search_options> parse(int count, char** words) {
    search_options found;
    found.first = seed_or(1);
    for (int i = 1; i < count; i += 2) {
        const std::string_view name = words[i];
        if (name == "--hashes") {
            found.only_hashes = true;
            --i;
            continue;
        }
        const auto value = i + 1 < count ? parse_seed(words[i + 1]) : std::nullopt;
        if (!value) {
            return std::nullopt;
        }
        if (name == "--first-seed") {
            found.first = *value;
        } else if (name == "--seeds") {
            found.seeds = *value;
        } else if (name == "--seconds") {
            found.seconds = *value;
        } else {
            return std::nullopt;
        }
    }
    return found;
}

// Empty if the seed holds; else what is wrong.
std::string try_seed(std::uint64_t seed, carrier_threads& carriers, tally& sum) {
    const outcome once = run_standard(seed, {.carriers = &carriers});
    const outcome again = run_standard(seed, {.carriers = &carriers});
    sum.runs += 2;
    sum.steps += once.steps + again.steps;
    sum.events += once.events + again.events;
    sum.hand_overs += once.hand_overs;
    if (!once.fault.empty()) {
        return once.fault;
    }
    if (once.hash == again.hash) {
        return {};
    }
    const outcome first = run_standard(seed, {.carriers = &carriers, .keep_events = true});
    const outcome second = run_standard(seed, {.carriers = &carriers, .keep_events = true});
    return "the same seed gave two runs\n" + first_difference(first.kept, second.kept);
}

void report(const tally& sum, duration spent) {
    const double seconds = std::max(static_cast<double>(spent.count()) * 1e-9, 1e-9);
    std::printf(
        "%llu seeds passed, %llu failed; %.0f runs/s, %.0f steps a run, %.0f events a run, "
        "%llu hand-overs\n",
        static_cast<unsigned long long>(sum.passed), static_cast<unsigned long long>(sum.failed),
        static_cast<double>(sum.runs) / seconds,
        static_cast<double>(sum.steps) / static_cast<double>(std::max<std::uint64_t>(sum.runs, 1)),
        static_cast<double>(sum.events) / static_cast<double>(std::max<std::uint64_t>(sum.runs, 1)),
        static_cast<unsigned long long>(sum.hand_overs));
    std::fflush(stdout);
}

// Only one thread of a simulation runs at a time: on one CPU they pass the baton faster.
void stay_on_one_cpu() {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(::sched_getcpu()), &one);
    ::sched_setaffinity(0, sizeof one, &one);
}

int print_hashes(const search_options& wanted) {
    carrier_threads carriers;
    bool all_hold = true;
    for (std::uint64_t seed = wanted.first; seed - wanted.first < wanted.seeds; ++seed) {
        const outcome seen = run_standard(seed, {.carriers = &carriers});
        std::printf("%llu %016llx %s\n", static_cast<unsigned long long>(seed),
                    static_cast<unsigned long long>(seen.hash), seen.fault.c_str());
        std::fflush(stdout);
        all_hold = all_hold && seen.fault.empty();
    }
    return all_hold ? 0 : 1;
}

int search(const search_options& wanted) {
    carrier_threads carriers;
    const clock time;
    const instant began = time.now();
    const instant deadline = began + std::chrono::seconds(wanted.seconds);
    instant next_report = began + 5s;
    tally sum;
    for (std::uint64_t i = 0;
         i < wanted.seeds && sum.failed < failures_max && time.now() < deadline; ++i) {
        const std::uint64_t seed = wanted.first + i;
        const std::string fault = try_seed(seed, carriers, sum);
        ++(fault.empty() ? sum.passed : sum.failed);
        if (!fault.empty()) {
            std::printf("FAIL %s\n%s bin/sim_search --seeds 1\n", fault.c_str(),
                        replay_line(seed).c_str());
        }
        if (time.now() >= next_report) {
            next_report += 5s;
            report(sum, time.now() - began);
        }
    }
    report(sum, time.now() - began);
    return sum.failed == 0 && sum.passed != 0 ? 0 : 1;
}

}  // namespace
}  // namespace drama::scenarios

int main(int count, char** words) {
    const auto wanted = drama::scenarios::parse(count, words);
    if (!wanted) {
        std::fprintf(stderr,
                     "usage: sim_search [--hashes] [--seconds N] [--first-seed S] [--seeds N]\n");
        return 2;
    }
    drama::scenarios::stay_on_one_cpu();
    return wanted->only_hashes ? drama::scenarios::print_hashes(*wanted)
                               : drama::scenarios::search(*wanted);
}
