// SPDX-License-Identifier: Apache-2.0
// A little of everything that drama does, written so that every error is minded: connections,
// files, calls, locks. In bad weather parts of it fail; all of it ends, and when
// the weather is fine again all of it works.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/coro/task.hpp"
#include "drama/fault/fault_plan.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/mutex.hpp"

namespace drama::faults {

/// What happened to the pieces of work. Outlives its tasks.
struct storm {
    int rounds = 5;
    int started = 0;
    int talkers = 0;  ///< parts that need the echo server and have not ended
    int worked = 0;
    int failed = 0;
    int restarts = 0;           ///< of the server, for want of memory
    std::string first_failure;  ///< which part, and why
    int wrong = 0;              ///< other bytes than were sent
    std::uint64_t files = 0;
    mutex lock;
    channel<int> line{2};
};

struct storm_work {
    storm* all = nullptr;
    std::uint16_t port = 0;  ///< of the echo server
};

/// One piece of work; the connections among them need the server.
struct storm_part {
    const char* name = "";
    task<result<void>> (*work)(storm_work) = nullptr;
    bool talks = false;
};
std::span<const storm_part> storm_parts() noexcept;

/// Does the part `rounds` times, each for a fifth of a second at most.
task<void> go_through(storm_work in, storm_part part);
/// Serves until no task that talks is left.
task<void> storm_server(storm_work in);

/// Random rules of all kinds that such work can bear: none refuses a worker, none is for ever.
std::vector<fault_rule> draw_weather(prng& random);

}  // namespace drama::faults
