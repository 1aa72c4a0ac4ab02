// SPDX-License-Identifier: Apache-2.0
// The microbenchmarks that a pool for computation has, on oneTBB: `micro NAME THREADS` runs NAME
// once to warm up and once to measure, and prints the figure. The forms are those of
// bench/micro_bench.cpp.
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

constexpr long million = 1'000'000;

void check(bool is_right) {
    if (!is_right) {
        std::fprintf(stderr, "micro: wrong result\n");
        std::exit(1);
    }
}

void spawn_range(long count) {
    tbb::task_group group;
    for (long i = 0; i < count; ++i) {
        group.run([] {});
    }
    group.wait();
}

void spawn_join() {
    spawn_range(million);
}

void spawn_two() {
    tbb::task_group group;
    group.run([] { spawn_range(million / 2); });
    group.run([] { spawn_range(million / 2); });
    group.wait();
}

long skynet(long number, long size) {
    if (size == 1) {
        return number;
    }
    long sums[10];
    const long part = size / 10;
    tbb::task_group group;
    for (long i = 0; i < 10; ++i) {
        group.run([&sums, i, number, part] { sums[i] = skynet(number + i * part, part); });
    }
    group.wait();
    long sum = 0;
    for (const long each : sums) {
        sum += each;
    }
    return sum;
}

void skynet_million() {
    check(skynet(0, million) == million * (million - 1) / 2);
}

long fib(long n) {
    if (n < 2) {
        return n;
    }
    long first = 0;
    tbb::task_group group;
    group.run([&first, n] { first = fib(n - 1); });
    const long second = fib(n - 2);
    group.wait();
    return first + second;
}

void fib_30() {
    check(fib(30) == 832'040);
}

double wall(tbb::task_arena& arena, void (*form)(), double count) {
    arena.execute(form);
    const auto began = std::chrono::steady_clock::now();
    arena.execute(form);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
    return took.count() / count;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view name = argc == 3 ? argv[1] : "";
    const int threads = argc == 3 ? std::atoi(argv[2]) : 1;
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                    static_cast<std::size_t>(threads));
    tbb::task_arena arena(threads);
    double figure = 0;
    if (name == "spawn_join") {
        figure = wall(arena, spawn_join, million);
    } else if (name == "spawn_two") {
        figure = wall(arena, spawn_two, million);
    } else if (name == "skynet") {
        figure = wall(arena, skynet_million, 1e6);
    } else if (name == "fib") {
        figure = wall(arena, fib_30, 1e6);
    } else {
        std::fprintf(stderr, "micro: there is no %s\n", argc > 1 ? argv[1] : "name");
        return 2;
    }
    std::printf("%.17g\n", figure);
    return 0;
}
