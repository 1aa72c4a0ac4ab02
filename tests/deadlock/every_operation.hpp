// SPDX-License-Identifier: Apache-2.0
// A program that uses every operation once, and goes on whatever fails.
#pragma once

#include <atomic>
#include <string>

#include "drama/coro/task.hpp"
#include "drama/sync/broadcast.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/condition.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/mutex.hpp"
#include "drama/sync/semaphore.hpp"
#include "drama/sync/shared_mutex.hpp"

namespace drama::deadlock {

/// What the program has. Outlives it.
struct every_operation {
    mutex lock;
    condition changed;
    shared_mutex shared;
    semaphore permits{1};
    channel<int> line{1};
    broadcast<int> news{1};
    event given;
    std::string directory;  ///< an empty one, for its files and sockets
    std::atomic<int> tried{0};
    std::atomic<int> failed{0};  ///< those that told of an error, or that memory is short
    std::string errors;          ///< what was said that is no lack of memory
};

extern const int operations_there_are;

task<void> use_every_operation(every_operation* in);

}  // namespace drama::deadlock
