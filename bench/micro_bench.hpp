// SPDX-License-Identifier: Apache-2.0
// What the microbenchmarks share: a form runs on a started runtime and yields one figure. The
// peers' programs in bench/peers/ do the same work under the same names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "drama/runtime/runtime.hpp"

namespace drama::bench {

constexpr int million = 1'000'000;

struct named_form {
    const char* name;
    const char* unit;
    double (*run)(runtime& rt);
    std::size_t least_threads = 1;
};

/// Spawning, giving way, fork and join.
std::span<const named_form> task_forms() noexcept;
/// Channels.
std::span<const named_form> channel_forms() noexcept;
/// Timers and blocking calls.
std::span<const named_form> wait_forms() noexcept;

/// Nanoseconds on the machine's clock.
std::int64_t now_ns();

/// Growth of the process and bytes charged to the tenant, for each sleeping task.
struct footprint {
    double resident = 0;
    double charged = 0;
};
/// In a process of its own. Requires: no other thread runs.
footprint measure_memory(std::size_t threads, int count);

/// Runs `f(args...)` as a task; a failure ends the program.
template <class F, class... Args>
void run_to_end(runtime& rt, F f, Args... args) {
    const auto done = rt.sync_wait(rt.tenants().get_or_create("bench"), f, args...);
    if (!done) {
        std::fprintf(stderr, "micro_bench: a form failed: %s\n", done.error().message().c_str());
        std::exit(1);
    }
}

/// Nanoseconds for each of `operations`.
template <class F, class... Args>
double per_operation(runtime& rt, int operations, F f, Args... args) {
    const std::int64_t began = now_ns();
    run_to_end(rt, f, args...);
    return static_cast<double>(now_ns() - began) / operations;
}

}  // namespace drama::bench
