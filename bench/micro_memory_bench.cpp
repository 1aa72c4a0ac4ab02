// SPDX-License-Identifier: Apache-2.0
// What a sleeping task costs: growth of the process and bytes charged to the tenant, per task. Each
// measurement has a process of its own, so that no memory of an earlier one is used again.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "bench/micro_bench.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"

namespace drama::bench {
namespace {

std::atomic<int> asleep{0};

task<void> sleeper(duration span) {
    asleep.fetch_add(1, std::memory_order_relaxed);
    co_await sleep_for(span);
}

/// Resident memory of this process. Units: bytes.
double resident_bytes() {
    std::FILE* const file = std::fopen("/proc/self/statm", "r");
    long total_pages = 0;
    long resident_pages = 0;
    if (file == nullptr || std::fscanf(file, "%ld %ld", &total_pages, &resident_pages) != 2) {
        std::fprintf(stderr, "cannot read /proc/self/statm\n");
        std::exit(1);
    }
    std::fclose(file);
    return static_cast<double>(resident_pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

footprint footprint_now(const runnable& self) {
    return {resident_bytes(), static_cast<double>(self.payer->frame_bytes())};
}

task<result<void>> sleep_together(scope_handle scope, int count, footprint* per_task) {
    runnable& self = co_await this_task();
    const footprint before = footprint_now(self);
    for (int i = 0; i < count; ++i) {
        auto child = scope.spawn(sleeper, duration(std::chrono::hours(1)));
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
    while (asleep.load(std::memory_order_relaxed) < count) {
        auto gone_on = co_await yield_now();
        if (!gone_on) {
            co_return fail(gone_on.error());
        }
    }
    const footprint after = footprint_now(self);
    per_task->resident = (after.resident - before.resident) / count;
    per_task->charged = (after.charged - before.charged) / count;
    scope.stop();
    co_return result<void>();
}

task<result<void>> all_sleep(int count, footprint* per_task) {
    co_return co_await in_scope(sleep_together, count, per_task);
}

footprint measure_sleepers(std::size_t threads, int count) {
    runtime_options options;
    options.workers = threads;
    options.tasks_max = static_cast<std::size_t>(count) + 1000;
    runtime rt(options);
    footprint per_task;
    const bool ran =
        rt.start().has_value() &&
        rt.sync_wait(rt.tenants().get_or_create("bench"), all_sleep, count, &per_task).has_value();
    if (!ran) {
        std::fprintf(stderr, "memory benchmark failed\n");
        std::exit(1);
    }
    static_cast<void>(rt.stop());
    return per_task;
}

}  // namespace

footprint measure_memory(std::size_t threads, int count) {
    std::fflush(stdout);
    std::array<int, 2> ends{-1, -1};
    const pid_t child = ::pipe(ends.data()) == 0 ? ::fork() : -1;
    if (child == 0) {
        const footprint per_task = measure_sleepers(threads, count);
        const bool told = ::write(ends[1], &per_task, sizeof per_task) == sizeof per_task;
        ::_exit(told ? 0 : 1);
    }
    int status = 0;
    footprint per_task;
    const bool heard = child > 0 && ::read(ends[0], &per_task, sizeof per_task) == sizeof per_task;
    if (!heard || ::waitpid(child, &status, 0) != child || status != 0) {
        std::fprintf(stderr, "memory benchmark failed\n");
        std::exit(1);
    }
    ::close(ends[0]);
    ::close(ends[1]);
    return per_task;
}

}  // namespace drama::bench
