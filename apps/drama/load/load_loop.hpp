// SPDX-License-Identifier: Apache-2.0
// One thread that sends and receives for its part of every group, in one epoll loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "load/group_run.hpp"
#include "load/load_plan.hpp"
#include "load/load_result.hpp"

namespace drama::cli {

/// What a loop has done so far. It may lie in memory that processes share.
struct load_progress {
    std::atomic<std::uint64_t> answered{0};
    std::atomic<std::uint64_t> failed{0};
    std::atomic<std::uint64_t> dropped{0};
    std::atomic<std::uint64_t> outstanding{0};
};

/// Which part of a plan a loop takes, and what ends it early.
struct loop_part {
    std::uint64_t index = 0;
    std::uint64_t threads = 1;
    int stop = -1;  ///< readable: end at once; -1: nothing does
    load_progress* progress = nullptr;
};

/// Connects, then runs the plan's groups to their ends, and yields what became of them, in the
/// order of the plan. If no connection can be opened within 5 s, nothing is sent. Requires: the
/// plan is complete. Threads: the caller's; it blocks.
std::vector<load_result> run_loop(const load_plan& plan, const socket_address& to,
                                  const loop_part& part);

}  // namespace drama::cli
