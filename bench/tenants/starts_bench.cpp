// SPDX-License-Identifier: Apache-2.0
// How soon a tenant that comes to a busy machine is served: an async tenant that returns has its
// share, functions start. One JSON object a line.
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/tenants/burn_for.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/coro/task.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"

using namespace drama;
using bench::burn_for;

namespace {

std::atomic<bool> is_over{false};
std::atomic<bool> is_away{true};

void rest_for(duration span) {
    std::this_thread::sleep_for(span);
}

task<void> work_async(std::atomic<bool>* until) {
    volatile unsigned sum = 0;
    while (!is_over.load(std::memory_order_relaxed) && !until->load(std::memory_order_relaxed)) {
        for (unsigned i = 0; i < 2000; ++i) {
            sum = sum + i;
        }
        auto go_on = co_await checkpoint();
        if (!go_on) {
            co_return;
        }
    }
}

task<void> work_compute() {
    while (!is_over.load(std::memory_order_relaxed)) {
        auto done = co_await compute(burn_for, duration(20ms));
        if (!done) {
            co_return;
        }
    }
}

task<void> work_blocking() {
    while (!is_over.load(std::memory_order_relaxed)) {
        auto done = co_await blocking(rest_for, duration(50ms));
        if (!done) {
            co_return;
        }
    }
}

void start_function(instant* began, duration cost) {
    *began = drama::clock().now();
    burn_for(cost);
}

task<void> ask_compute(int rounds, duration cost, std::vector<double>* late) {
    for (int i = 0; i < rounds; ++i) {
        auto slept = co_await sleep_for(7ms);
        const instant asked = drama::clock().now();
        instant began;
        auto done = co_await compute(start_function, &began, cost);
        if (!slept || !done) {
            co_return;
        }
        late->push_back(std::chrono::duration<double, std::milli>(began - asked).count());
    }
}

task<void> ask_blocking(int rounds, std::vector<double>* late) {
    for (int i = 0; i < rounds; ++i) {
        auto slept = co_await sleep_for(7ms);
        const instant asked = drama::clock().now();
        instant began;
        auto done = co_await blocking(start_function, &began, duration(50us));
        if (!slept || !done) {
            co_return;
        }
        late->push_back(std::chrono::duration<double, std::milli>(began - asked).count());
    }
}

void report(const char* name, std::vector<double> ms, double bound) {
    std::ranges::sort(ms);
    const auto at = [&](double part) {
        return ms.empty() ? -1.0
                          : ms[static_cast<std::size_t>(part * static_cast<double>(ms.size() - 1))];
    };
    std::printf(
        "{\"name\":\"%s\",\"samples\":%zu,\"p50_ms\":%.3f,\"p90_ms\":%.3f,"
        "\"p99_ms\":%.3f,\"bound_ms\":%g,\"ok\":%s}\n",
        name, ms.size(), at(.5), at(.9), at(.99), bound,
        !ms.empty() && at(.99) <= bound ? "true" : "false");
    std::fflush(stdout);
}

struct busy_runtime {
    busy_runtime()
        : rt(runtime_options{}),
          a(rt.tenants().get_or_create("a")),
          b(rt.tenants().get_or_create("b")) {
        is_over.store(false);
        if (!rt.start()) {
            std::exit(1);
        }
    }
    ~busy_runtime() {
        is_over.store(true);
        static_cast<void>(rt.stop());
    }
    runtime rt;
    tenant a;
    tenant b;
};

std::uint64_t cpu_of(const tenant& who) {
    return who.usage().cpu_ns.read();
}

// From the return on, until the tenant had nine tenths of its share in the last 2 ms. Looked at
// every 0.1 ms by the main thread.
void measure_returning(int rounds) {
    busy_runtime with;
    static std::atomic<bool> never_away{false};
    for (int i = 0; i < 16; ++i) {
        static_cast<void>(with.rt.try_spawn(with.b, work_async, &never_away));
    }
    std::vector<double> ms;
    for (int round = 0; round < rounds; ++round) {
        std::this_thread::sleep_for(60ms);
        is_away.store(false);
        const instant began = drama::clock().now();
        for (int i = 0; i < 16; ++i) {
            static_cast<void>(with.rt.try_spawn(with.a, work_async, &is_away));
        }
        struct look {
            instant at;
            std::uint64_t a, b;
        };
        std::vector<look> looks{{began, cpu_of(with.a), cpu_of(with.b)}};
        std::size_t from = 0;
        for (instant now = began; now - began < 50ms;) {
            std::this_thread::sleep_for(100us);
            now = drama::clock().now();
            looks.push_back({now, cpu_of(with.a), cpu_of(with.b)});
            while (now - looks[from].at > 2ms) {
                ++from;
            }
            const auto got = static_cast<double>(looks.back().a - looks[from].a);
            const auto others = static_cast<double>(looks.back().b - looks[from].b);
            if (got > 0 && got >= 0.9 * 0.5 * (got + others)) {
                break;
            }
        }
        ms.push_back(std::chrono::duration<double, std::milli>(looks.back().at - began).count());
        is_away.store(true);
    }
    report("returning async tenant has its share", ms, 5);
}

void measure_starts(int rounds) {
    static std::atomic<bool> never_away{false};
    for (const bool is_async_busy : {false, true}) {
        busy_runtime with;
        for (int i = 0; i < 16; ++i) {
            static_cast<void>(with.rt.try_spawn(with.b, work_compute));
            if (is_async_busy) {
                static_cast<void>(with.rt.try_spawn(with.b, work_async, &never_away));
            }
        }
        std::this_thread::sleep_for(300ms);
        std::vector<double> late;
        auto asked = with.rt.try_spawn(with.a, ask_compute, rounds, duration(1ms), &late);
        static_cast<void>(with.rt.sync_wait(*std::move(asked)));
        report(is_async_busy ? "function of 1 ms beside functions of 20 ms and async"
                             : "function of 1 ms beside functions of 20 ms",
               late, 5);
    }
    busy_runtime with;
    for (int i = 0; i < 400; ++i) {
        static_cast<void>(with.rt.try_spawn(with.b, work_blocking));
    }
    for (int i = 0; i < 16; ++i) {
        static_cast<void>(with.rt.try_spawn(with.b, work_async, &never_away));
    }
    std::this_thread::sleep_for(500ms);
    std::vector<double> late;
    auto asked = with.rt.try_spawn(with.a, ask_blocking, rounds, &late);
    static_cast<void>(with.rt.sync_wait(*std::move(asked)));
    report("blocking call beside 400 of 50 ms and async", late, 5);
}

}  // namespace

int main(int argc, char** argv) {
    int rounds = 300;
    std::string_view only;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (std::strcmp(argv[i], "--rounds") == 0) {
            rounds = std::atoi(argv[i + 1]);
        } else if (std::strcmp(argv[i], "--only") == 0) {
            only = argv[i + 1];
        } else {
            std::fprintf(stderr,
                         "starts_bench: unknown option %s; known: --rounds N, --only "
                         "returning|starts\n",
                         argv[i]);
            return 2;
        }
    }
    if (only.empty() || only == "returning") {
        measure_returning(rounds / 6);
    }
    if (only.empty() || only == "starts") {
        measure_starts(rounds);
    }
    return 0;
}
