// SPDX-License-Identifier: Apache-2.0
// What a program may choose when it makes a runtime. The defaults fit the machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "drama/base/clock.hpp"
#include "drama/sched/fair_shard.hpp"

namespace drama::inline v0 {

/// How a thread that overruns its turn is described to operators.
struct stall_report {
    std::string tenant;
    std::string task;   ///< the name given by `named`, or empty
    std::string site;   ///< file:line of the spawn
    duration lasted{};  ///< so far
    std::string stack;  ///< one frame a line, where it could be had
};

struct runtime_options {
    std::size_t workers = 0;      ///< 0: one for each usable CPU
    policy order = policy::fair;  ///< `fifo` differs in nothing but the order
    /// On: inside a tenant, what is near its end goes first (write, compute, read, accept), within
    /// the offsets of sched/class_order.hpp, and connections whose requests compute begin none
    /// while functions of their tenant wait (http_route::computes). Off: in the order of arrival.
    /// Under fifo: off.
    bool class_order = true;
    std::string io = "auto";          ///< "auto", "epoll", "uring"; DRAMA_IO overrides "auto"
    std::size_t compute_threads = 0;  ///< 0: one for each usable CPU
    /// From 8 on, one in 64 of them (one at least) starts only calls of tenants that have fewer
    /// than their share, so that a newcomer need not wait for a call of others to end.
    std::size_t blocking_threads_max = 512;
    /// File operations in the device at a time, and as many again of tenants that have less than
    /// half as many there.
    std::size_t disk_depth_max = 4;
    /// Bytes that a tenant may have written and not synced; beyond it writes through.
    std::uint64_t disk_unsynced_bytes_max = std::uint64_t{64} * 1024 * 1024;
    std::size_t tenants_max = 1'000'000;
    std::size_t tasks_max = 10'000'000;  ///< alive in the process
    duration shutdown_deadline = std::chrono::seconds(10);

    bool hand_over = true;  ///< off: a task that hogs its thread stops its core
    /// On: workers leave CPUs to functions and demoted tasks of tenants that have had less than
    /// theirs, so that shares hold between all kinds of work. Off: workers go first always, and
    /// whoever burns gets what they leave (for measurements). See
    /// docs/decisions/0008-who-gets-a-cpu.md.
    bool shares_cpus = true;
    /// On: blocking functions that burn a CPU are found, go on at the lowest priority and are
    /// charged as they run, so that they leave CPUs to whoever had less. Off: they keep the
    /// program's priority, and are charged at their end; beside other programs that want for CPUs
    /// a function at the lowest priority comes on a hundred times slower.
    bool holds_burning_calls = false;
    bool check_permits = true;  ///< off: burning threads are not bounded (for measurements)
    duration hand_over_after = std::chrono::milliseconds(1);
    duration stall_after = std::chrono::milliseconds(10);
    duration park_while_burning = std::chrono::microseconds(250);

    /// Receives one line for each event worth an operator's eye; null: stderr. Threads: any, one at
    /// a time; a worker only to name a wait that it refuses to a task.
    std::function<void(const std::string&)> log;
    /// Receives stalls; null: one log line each.
    std::function<void(const stall_report&)> on_stall;
};

}  // namespace drama::inline v0
