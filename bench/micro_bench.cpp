// SPDX-License-Identifier: Apache-2.0
// The basics, measured: `micro_bench [--threads N] [--runs N] [--only NAME] [--json]`. Each run
// starts a fresh runtime, runs the form once to warm up and once to measure. Printed are the
// median, least and greatest of the runs, and what a sleeping task costs.
#include "bench/micro_bench.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace drama::bench {

std::int64_t now_ns() {
    static const clock machine;
    return machine.now().time_since_epoch().count();
}

namespace {

struct bench_options {
    std::size_t threads = 0;  ///< 0: one, then two
    int runs = 5;
    std::string only;
    bool json = false;
};

struct figures {
    const char* name;
    const char* unit;
    std::size_t threads;
    std::vector<double> seen;
};

void print(figures of, bool json) {
    std::sort(of.seen.begin(), of.seen.end());
    const double median = of.seen[of.seen.size() / 2];
    if (json) {
        std::printf(
            "{\"name\":\"%s\",\"threads\":%zu,\"unit\":\"%s\",\"median\":%.17g,"
            "\"min\":%.17g,\"max\":%.17g,\"runs\":%zu}\n",
            of.name, of.threads, of.unit, median, of.seen.front(), of.seen.back(), of.seen.size());
    } else {
        std::printf("%-18s %zu thread%s %10.1f %s (min %.1f, max %.1f, %zu runs)\n", of.name,
                    of.threads, of.threads == 1 ? " " : "s", median, of.unit, of.seen.front(),
                    of.seen.back(), of.seen.size());
    }
    std::fflush(stdout);
}

double run_once(const named_form& which, std::size_t threads) {
    runtime_options options;
    options.workers = threads;
    runtime rt(options);
    if (!rt.start()) {
        std::fprintf(stderr, "micro_bench: cannot start a runtime\n");
        std::exit(1);
    }
    which.run(rt);
    const double figure = which.run(rt);
    static_cast<void>(rt.stop());
    return figure;
}

void measure(const named_form& which, std::size_t threads, const bench_options& options) {
    figures found{which.name, which.unit, threads, {}};
    for (int run = 0; run < options.runs; ++run) {
        found.seen.push_back(run_once(which, threads));
    }
    print(std::move(found), options.json);
}

bool is_wanted(const char* name, std::size_t threads, const bench_options& options) {
    return (options.only.empty() || options.only == name) &&
           (options.threads == 0 || options.threads == threads);
}

bool parse(int argc, char** argv, bench_options& into) {
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--json") == 0) {
            into.json = true;
        } else if (i + 1 == argc) {
            return false;
        } else if (std::strcmp(argv[i], "--threads") == 0) {
            into.threads = static_cast<std::size_t>(std::atoi(argv[++i]));
        } else if (std::strcmp(argv[i], "--runs") == 0) {
            into.runs = std::max(1, std::atoi(argv[++i]));
        } else if (std::strcmp(argv[i], "--only") == 0) {
            into.only = argv[++i];
        } else {
            return false;
        }
    }
    return true;
}

// What is charged says how good the accounting is; the process's growth is what it costs.
void measure_sleepers(const bench_options& options) {
    const std::size_t threads = options.threads == 0 ? 1 : options.threads;
    const footprint found = measure_memory(threads, million);
    print({"memory", "bytes per sleeping task", threads, {found.resident}}, options.json);
    if (!options.json) {
        print({"memory_charged", "bytes per sleeping task", threads, {found.charged}}, false);
    }
}

}  // namespace
}  // namespace drama::bench

int main(int argc, char** argv) {
    using namespace drama::bench;
    bench_options options;
    if (!parse(argc, argv, options)) {
        std::fprintf(stderr,
                     "usage: micro_bench [--threads N] [--runs N] [--only NAME] [--json]\n");
        return 2;
    }
    for (const auto& group : {task_forms(), channel_forms(), wait_forms()}) {
        for (const named_form& each : group) {
            for (const std::size_t threads : {std::size_t{1}, std::size_t{2}}) {
                if (threads >= each.least_threads && is_wanted(each.name, threads, options)) {
                    measure(each, threads, options);
                }
            }
        }
    }
    if (options.only.empty() || options.only == "memory") {
        measure_sleepers(options);
    }
    return 0;
}
