// SPDX-License-Identifier: Apache-2.0
// The microbenchmarks on Asio: `micro NAME THREADS` runs NAME once to warm up and once to measure,
// and prints the figure. The forms are those of bench/micro_bench.cpp; skynet and fib are
// callbacks with counters, which is faster here than coroutines.
#include "micro.hpp"

#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

namespace micro {

void check(bool is_right) {
    if (!is_right) {
        std::fprintf(stderr, "micro: wrong result\n");
        std::exit(1);
    }
}

namespace {

double cpu_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double wall_ns() {
    const std::chrono::duration<double, std::nano> now =
        std::chrono::steady_clock::now().time_since_epoch();
    return now.count();
}

/// Runs until nothing is left to do, on `threads` threads.
void run(asio::io_context& context, int threads) {
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i) {
        others.emplace_back([&context] { context.run(); });
    }
    context.run();
    for (std::thread& each : others) {
        each.join();
    }
    context.restart();
}

struct named_form {
    std::string_view name;
    void (*start)(asio::io_context& context, int threads);
    double per;  ///< nanoseconds are divided by it
    double (*clock)();
    bool is_rate = false;
};

constexpr named_form forms[] = {
    {"spawn_join", spawn_join, million, wall_ns},
    {"spawn_two", spawn_two, million, wall_ns},
    {"yield", yields, million, wall_ns},
    {"ping_pong", ping_pong, 500'000, wall_ns},
    {"skynet", skynet, 1e6, wall_ns},
    {"fib", fib, 1e6, wall_ns},
    {"channel", channel_1to1, million, wall_ns},
    {"channel_4to1", channel_4to1, million, wall_ns},
    {"timers_10k", timers_10k, 200'000, cpu_ns},
    {"timers_100k", timers_100k, 1'000'000, cpu_ns},
    {"blocking_64", blocking_64, 128'000, wall_ns, true},
};

double measure(const named_form& which, int threads) {
    asio::io_context context(threads);
    which.start(context, threads);
    run(context, threads);
    const double began = which.clock();
    which.start(context, threads);
    run(context, threads);
    const double each = (which.clock() - began) / which.per;
    return which.is_rate ? 1e9 / each : each;
}

double measure_blocking(int threads) {
    asio::io_context context(threads);
    std::vector<double> spans;
    blocking(context, spans);
    run(context, threads);
    return spans[spans.size() / 2];
}

double resident_bytes() {
    long total = 0;
    long resident = 0;
    std::FILE* const file = std::fopen("/proc/self/statm", "r");
    check(file != nullptr && std::fscanf(file, "%ld %ld", &total, &resident) == 2);
    std::fclose(file);
    return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double measure_memory() {
    asio::io_context context(1);
    const double before = resident_bytes();
    sleepers(context);
    context.poll();
    return (resident_bytes() - before) / million;
}

}  // namespace
}  // namespace micro

int main(int argc, char** argv) {
    const std::string_view name = argc == 3 ? argv[1] : "";
    const int threads = argc == 3 ? std::atoi(argv[2]) : 1;
    double figure = -1;
    for (const auto& each : micro::forms) {
        if (name == each.name) {
            figure = micro::measure(each, threads);
        }
    }
    if (name == "blocking") {
        figure = micro::measure_blocking(threads);
    } else if (name == "ping_pong_across") {
        figure = micro::ping_pong_across();
    } else if (name == "memory") {
        figure = micro::measure_memory();
    }
    if (figure < 0) {
        std::fprintf(stderr, "micro: there is no %s\n", argc > 1 ? argv[1] : "name");
        return 2;
    }
    std::printf("%.17g\n", figure);
    std::fflush(stdout);
    _exit(0);  // what sleeps is not waited for
}
