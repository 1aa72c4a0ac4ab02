// SPDX-License-Identifier: Apache-2.0
// Searches all scenarios of this program for a given time, each for an equal share of it, and says
// what was done. Options: --seconds N, --first-seed S, --only PREFIX (of a name), --json, --list.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drama/base/coverage/mark.hpp"
#include "drama/sim/explore/sim_test.hpp"

namespace drama {
namespace {

constexpr std::string_view standard_suite = "StandardWorld";
constexpr std::int64_t standard_share = 8;  // one in so many of the seconds measures the standard

struct wishes {
    std::uint64_t seconds = 10;
    std::uint64_t first_seed = 1;
    std::string_view only = {};
    bool json = false;
    bool list = false;
};

std::optional<wishes> parse(int count, char** words) {
    wishes found;
    for (int i = 1; i < count; ++i) {
        const std::string_view name = words[i];
        if (name == "--json") {
            found.json = true;
        } else if (name == "--list") {
            found.list = true;
        } else if (name == "--only") {
            if (++i == count) {
                return std::nullopt;
            }
            found.only = words[i];
        } else if (name == "--seconds" || name == "--first-seed") {
            const auto value = i + 1 < count ? parse_seed(words[++i]) : std::nullopt;
            if (!value) {
                return std::nullopt;
            }
            (name == "--seconds" ? found.seconds : found.first_seed) = *value;
        } else {
            return std::nullopt;
        }
    }
    return found;
}

double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct tally {
    std::uint64_t seeds = 0;
    std::uint64_t runs = 0;
    std::uint64_t scenarios = 0;
    std::uint64_t failures = 0;
    std::uint64_t mismatches = 0;
    std::uint64_t dropped = 0;
    double cpu = 0;
    double standard_rate = 0;
    std::array<std::uint64_t, fault_kinds> fired{};
    std::string reports;  // JSON
};

// One seed after the other under the plain walk: no swarm, nothing breaks.
double measure_standard(const sim_test_case& test, const wishes& wanted, tally& sum) {
    internal::gtest_probe probe;
    sim_test_runner runner(test, probe);
    const clock time;
    const double began = cpu_seconds();
    const instant until = time.now() + std::chrono::seconds(wanted.seconds) / standard_share;
    std::uint64_t seeds = 0;
    do {
        const run_record seen = runner.run({.seed = wanted.first_seed + seeds});
        ++seeds;
        if (!seen.verdict.holds()) {
            std::fprintf(stderr, "standard: %s\n", seen.verdict.what.c_str());
            ++sum.failures;
            return 0;
        }
    } while (time.now() < until);
    return static_cast<double>(seeds) / (cpu_seconds() - began);
}

void search(const sim_test_case& test, const wishes& wanted, duration budget, tally& sum) {
    explore_options options;
    options.first_seed = wanted.first_seed;
    options.runs = ~std::uint64_t{0} / 100;
    options.budget = budget;
    options.report_folder = "sim-reports";
    options.print = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
    internal::gtest_probe probe;
    const exploration seen = explore(test, options, probe);
    sum.seeds += seen.seeds;
    sum.runs += seen.runs;
    sum.mismatches += seen.mismatches;
    sum.dropped += seen.dropped;
    sum.cpu += static_cast<double>(seen.spent.count()) * 1e-9;
    ++sum.scenarios;
    for (std::size_t index = 0; index != fault_kinds; ++index) {
        sum.fired[index] += seen.fired[index];
    }
    if (seen.failure) {
        ++sum.failures;
        sum.reports += (sum.reports.empty() ? "" : ",") + seen.failure->report.json();
    }
}

std::string names(bool of_marks, bool wanted, const tally& sum) {
    std::string text;
    const auto add = [&](std::string_view name) {
        text += (text.empty() ? "" : ",") + json_text(std::string(name));
    };
    if (of_marks) {
        for (const internal::mark& each : internal::all_marks()) {
            if (each.is_hit() == wanted) {
                add(each.name);
            }
        }
    } else {
        for (std::size_t index = 0; index != fault_kinds; ++index) {
            if ((sum.fired[index] != 0) == wanted) {
                add(name_of(static_cast<fault_kind>(index)));
            }
        }
    }
    return '[' + text + ']';
}

void report(const tally& sum, const wishes& wanted) {
    const auto marks = internal::all_marks();
    const auto hit = std::ranges::count_if(marks, &internal::mark::is_hit);
    const auto kinds = std::ranges::count_if(sum.fired, [](std::uint64_t n) { return n != 0; });
    const double rate = sum.cpu > 0 ? static_cast<double>(sum.runs) / sum.cpu : 0;
    const char* const form =
        wanted.json
            ? "{\"seeds\":%llu,\"scenarios\":%llu,\"seeds_per_s_core\":%.0f,"
              "\"standard_seeds_per_s_core\":%.0f,\"fault_kinds_fired\":%lld,"
              "\"marks_hit\":%lld,\"marks\":%zu,\"failures\":%llu,\"mismatches\":%llu"
            : "%llu seeds over %llu scenarios, %.0f/s a core (standard: %.0f/s); %lld kinds "
              "of fault fired, %lld of %zu marks hit; %llu failures, %llu mismatches\n";
    std::printf(form, static_cast<unsigned long long>(sum.seeds),
                static_cast<unsigned long long>(sum.scenarios), rate, sum.standard_rate,
                static_cast<long long>(kinds), static_cast<long long>(hit), marks.size(),
                static_cast<unsigned long long>(sum.failures),
                static_cast<unsigned long long>(sum.mismatches));
    if (wanted.json) {
        std::printf(
            ",\"schedules_dropped\":%llu,\"kinds_fired\":%s,\"kinds_not_fired\":%s,\"marks_hit_"
            "names\":%s,"
            "\"marks_not_hit\":%s,\"reports\":[%s]}\n",
            static_cast<unsigned long long>(sum.dropped), names(false, true, sum).c_str(),
            names(false, false, sum).c_str(), names(true, true, sum).c_str(),
            names(true, false, sum).c_str(), sum.reports.c_str());
    }
}

int run(const wishes& wanted) {
    std::vector<sim_test_case> tests = registered_sim_tests();
    std::erase_if(tests, [&](const sim_test_case& each) {
        return !each.full_name().starts_with(wanted.only);
    });
    if (wanted.list) {
        for (const sim_test_case& each : tests) {
            std::printf("%s\n", each.full_name().c_str());
        }
        return 0;
    }
    tally sum;
    const duration all = std::chrono::seconds(wanted.seconds);
    const auto count = static_cast<std::int64_t>(tests.size());
    for (const sim_test_case& each : tests) {
        search(each, wanted, (all - all / standard_share) / std::max<std::int64_t>(count, 1), sum);
        if (each.suite == standard_suite) {
            sum.standard_rate = measure_standard(each, wanted, sum);
        }
    }
    report(sum, wanted);
    return sum.failures == 0 && sum.mismatches == 0 && sum.seeds != 0 ? 0 : 1;
}

}  // namespace
}  // namespace drama

int main(int count, char** words) {
    const auto wanted = drama::parse(count, words);
    if (!wanted) {
        std::fprintf(stderr,
                     "usage: explore [--seconds N] [--first-seed S] [--only PREFIX] "
                     "[--json] [--list]\n");
        return 2;
    }
    int no_words = 0;
    testing::InitGoogleTest(&no_words, words);
    return drama::run(*wanted);
}
