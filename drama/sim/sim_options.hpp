// SPDX-License-Identifier: Apache-2.0
// What a simulated world is like: its seed, its size, and how long things take there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "drama/base/clock.hpp"

namespace drama::inline v0 {

class carrier_threads;
class run_trace;
class schedule_strategy;

/// A duration drawn anew each time, uniformly.
struct duration_range {
    duration least{};
    duration most{};
};

struct sim_options {
    /// CPUs that the world claims to have. First form: any number of simulated threads burn at the
    /// same time, each on a CPU of its own; `sim_world::burning_max` tells how many did.
    std::size_t cpus = 2;

    /// What a step costs its thread, beside what user code declares.
    duration_range step_cost{std::chrono::nanoseconds(200), std::chrono::microseconds(2)};
    /// Each reading of the clock costs this much time, so that a turn ends while its tasks go on.
    duration clock_tick = std::chrono::nanoseconds(50);
    /// From an unpark or a timeout until the thread runs.
    duration_range wake_delay{std::chrono::nanoseconds(500), std::chrono::microseconds(5)};
    /// One step in so many finds its thread off the CPU for `preempted`; 0: never.
    std::uint32_t preempt_one_in = 128;
    duration_range preempted{std::chrono::microseconds(5), std::chrono::microseconds(50)};

    /// start_thread fails after this many threads.
    std::size_t threads_max = 10'000;

    /// Who runs next and how long things take; null: drawn from the world's seed.
    schedule_strategy* strategy = nullptr;
    /// Receives every event with the task that did it; null: nobody looks.
    run_trace* trace = nullptr;
    /// Raises SIGTRAP before this step, for a debugger; 0: never.
    std::uint64_t stop_at_step = 0;

    /// OS threads to use; null: the world's own.
    carrier_threads* carriers = nullptr;
    /// Told when simulated code asks the machine for its time, randomness, a thread or a sleep, and
    /// where; null: the program ends with that. Heard only in programs that link drama_sim_guard.
    std::function<void(const std::string&)> on_stray;
    /// Clocks of the C library, as std::chrono reads them, tell the world's time instead: for
    /// libraries that look at them. Random numbers, threads and sleeps stay forbidden.
    bool answers_clocks = false;

    /// Keeps every event, not only the hash over them.
    bool keep_events = false;
};

}  // namespace drama::inline v0
