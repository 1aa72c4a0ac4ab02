// SPDX-License-Identifier: Apache-2.0
// Timers, by the CPU time that they take, and calls on the blocking pool.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "bench/micro_bench.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"

namespace drama::bench {
namespace {

/// CPU time of the process. Units: ns.
double cpu_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// 1 to 100 ms.
duration next_span(std::uint64_t& state) noexcept {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return std::chrono::microseconds(1000 + state % 99'001);
}

task<result<void>> sleep_often(int index, int sleeps) {
    auto state = static_cast<std::uint64_t>(index + 1) * 0x9E37'79B9'7F4A'7C15;
    for (int i = 0; i < sleeps; ++i) {
        auto slept = co_await sleep_for(next_span(state));
        if (!slept) {
            co_return slept;
        }
    }
    co_return result<void>();
}

task<result<void>> spawn_sleepers(scope_handle scope, int tasks, int sleeps) {
    for (int i = 0; i < tasks; ++i) {
        auto child = scope.spawn(sleep_often, i, sleeps);
        if (!child) {
            co_return fail(child.error());
        }
        if (i % 256 == 255) {
            auto gone_on = co_await checkpoint();
            if (!gone_on) {
                co_return fail(gone_on.error());
            }
        }
    }
    co_return result<void>();
}

task<result<void>> all_sleep(int tasks, int sleeps) {
    co_return co_await in_scope(spawn_sleepers, tasks, sleeps);
}

double cpu_per_timer(runtime& rt, int tasks, int sleeps) {
    const double began = cpu_ns();
    run_to_end(rt, all_sleep, tasks, sleeps);
    return (cpu_ns() - began) / (tasks * sleeps);
}

double timers_10k(runtime& rt) {
    return cpu_per_timer(rt, 10'000, 20);
}

double timers_100k(runtime& rt) {
    return cpu_per_timer(rt, 100'000, 10);
}

void no_work() {
}

task<result<void>> time_calls(std::vector<std::int64_t>* spans) {
    for (std::int64_t& span : *spans) {
        const std::int64_t began = now_ns();
        auto called = co_await blocking(no_work);
        if (!called) {
            co_return called;
        }
        span = now_ns() - began;
    }
    co_return result<void>();
}

double blocking_median(runtime& rt) {
    std::vector<std::int64_t> spans(20'000);
    run_to_end(rt, time_calls, &spans);
    std::ranges::sort(spans);
    return static_cast<double>(spans[spans.size() / 2]);
}

task<result<void>> call_often(int count) {
    for (int i = 0; i < count; ++i) {
        auto called = co_await blocking(no_work);
        if (!called) {
            co_return called;
        }
    }
    co_return result<void>();
}

task<result<void>> spawn_callers(scope_handle scope, int tasks, int calls) {
    for (int i = 0; i < tasks; ++i) {
        auto child = scope.spawn(call_often, calls);
        if (!child) {
            co_return fail(child.error());
        }
    }
    co_return result<void>();
}

task<result<void>> all_call(int tasks, int calls) {
    co_return co_await in_scope(spawn_callers, tasks, calls);
}

double blocking_rate(runtime& rt) {
    constexpr int tasks = 64;
    constexpr int calls = 2000;
    return 1e9 / per_operation(rt, tasks * calls, all_call, tasks, calls);
}

constexpr named_form forms[] = {
    {"timers_10k", "CPU ns per timer", timers_10k},
    {"timers_100k", "CPU ns per timer", timers_100k},
    {"blocking", "ns per round trip, p50", blocking_median},
    {"blocking_64", "calls per s", blocking_rate},
};

}  // namespace

std::span<const named_form> wait_forms() noexcept {
    return forms;
}

}  // namespace drama::bench
