// SPDX-License-Identifier: Apache-2.0
// Runs all of `drama serve` in simulated worlds, seed after seed, half of them with faults of the
// network, and stops at the first that fails. Rates are by the CPU time of the process, which has
// one thread at work at a time. Options: --seconds N, --first-seed S.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string_view>

#include "drama/base/clock.hpp"
#include "drama/sim/seed.hpp"
#include "tests/service/serve_world.hpp"

namespace drama::testing_support {
namespace {

struct tally {
    std::uint64_t seeds = 0;
    std::uint64_t steps = 0;
    std::uint64_t answered = 0;
    std::uint64_t unanswered = 0;
};

double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

bool try_seed(std::uint64_t seed, carrier_threads& carriers, tally& sum) {
    serve_run how{.seed = seed, .carriers = &carriers};
    if (seed % 2 == 1) {
        prng coin(seed);
        for (const fault_rule& each : serve_network_faults()) {
            if (coin.below(4) == 0) {
                how.faults.push_back(each);
            }
        }
    }
    const serve_seen seen = run_serve(how);
    ++sum.seeds;
    sum.steps += seen.steps;
    sum.answered += seen.answered;
    sum.unanswered += seen.unanswered;
    if (!seen.fault.empty()) {
        std::printf("FAIL %s\nreplay: %s\n", seen.fault.c_str(), replay_line(seed).c_str());
    }
    return seen.fault.empty();
}

int search(std::uint64_t first, duration longest) {
    const drama::clock clock;
    const instant began = clock.now();
    const double cpu_before = cpu_seconds();
    carrier_threads carriers;
    tally sum;
    bool holds = true;
    while (holds && clock.now() - began < longest) {
        holds = try_seed(first + sum.seeds, carriers, sum);
    }
    const double seconds = std::max(cpu_seconds() - cpu_before, 1e-9);
    std::printf(
        "%llu seeds, %.0f seeds/s a core, %.0f steps a seed, %llu requests answered, %llu not\n",
        static_cast<unsigned long long>(sum.seeds), static_cast<double>(sum.seeds) / seconds,
        static_cast<double>(sum.steps) / static_cast<double>(std::max<std::uint64_t>(sum.seeds, 1)),
        static_cast<unsigned long long>(sum.answered),
        static_cast<unsigned long long>(sum.unanswered));
    return holds ? 0 : 1;
}

}  // namespace
}  // namespace drama::testing_support

int main(int count, char** words) {
    std::uint64_t first = drama::seed_or(1);
    std::uint64_t seconds = 10;
    for (int i = 1; i + 1 < count; i += 2) {
        const auto value = drama::parse_seed(words[i + 1]);
        if (!value) {
            std::fprintf(stderr, "serve_search: %s: no number\n", words[i + 1]);
            return 2;
        }
        (std::string_view(words[i]) == "--seconds" ? seconds : first) = *value;
    }
    return drama::testing_support::search(first, std::chrono::seconds(seconds));
}
