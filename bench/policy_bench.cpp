// SPDX-License-Identifier: Apache-2.0
// `policy_bench [--json] [--only ROW]`: one line a row, the least, the median and the greatest of
// its repetitions.
#include "bench/policy_bench.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include "drama/base/clock.hpp"

namespace drama::bench {

std::int64_t now_ns() noexcept {
    static const clock machine;
    return machine.now().time_since_epoch().count();
}

namespace {

void print(const std::string& name, const char* unit, const samples& seen, bool json) {
    if (json) {
        std::printf("{\"name\":\"%s\",\"unit\":\"%s\",\"samples\":[", name.c_str(), unit);
        const char* separator = "";
        for (const double each : seen) {
            std::printf("%s%.17g", separator, each);
            separator = ",";
        }
        std::printf("]}\n");
    } else {
        samples sorted = seen;
        std::ranges::sort(sorted);
        std::printf("%-20s %8.2f %s (median %.2f, max %.2f)\n", name.c_str(), sorted.front(), unit,
                    sorted[repetitions / 2], sorted.back());
    }
    std::fflush(stdout);
}

/// False: the workload is not the one that the rows stand for.
bool measure_and_print_pick(std::size_t tenants, const std::string& size, bool json) {
    const pick_figures found = measure_pick(tenants);
    print("pick/" + size, "ns", found.pick_ns, json);
    print("pointer_chase/" + size, "ns", found.chase_ns, json);
    std::fprintf(stderr, "policy_bench: %.0f %% of the picks of pick/%s made a tenant ineligible\n",
                 found.ineligible * 100, size.c_str());
    return found.ineligible > 0.45;
}

struct bench_options {
    std::string only;
    bool json = false;

    bool is_wanted(const char* row) const noexcept { return only.empty() || only == row; }
};

bool parse(int argc, char** argv, bench_options& into) {
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--json") == 0) {
            into.json = true;
        } else if (std::strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            into.only = argv[++i];
        } else {
            return false;
        }
    }
    return true;
}

}  // namespace
}  // namespace drama::bench

int main(int argc, char** argv) {
    using namespace drama::bench;
    bench_options options;
    if (!parse(argc, argv, options)) {
        std::fprintf(stderr, "usage: policy_bench [--json] [--only ROW]\n");
        return 2;
    }
    bool is_right = true;
    if (options.is_wanted("pick/1e3")) {
        is_right = measure_and_print_pick(1'000, "1e3", options.json);
    }
    if (options.is_wanted("pick/1e6")) {
        is_right = measure_and_print_pick(1'000'000, "1e6", options.json) && is_right;
    }
    if (options.is_wanted("turn_overhead")) {
        print("turn_overhead", "%", measure_turn_overhead(), options.json);
    }
    if (options.is_wanted("tenants_10000")) {
        print("tenants_10000", "ns/task", measure_many_tenants(), options.json);
    }
    if (!is_right) {
        std::fprintf(stderr,
                     "policy_bench: half of the picks or more should make a tenant ineligible\n");
        return 1;
    }
    return 0;
}
