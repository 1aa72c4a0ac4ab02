// SPDX-License-Identifier: Apache-2.0
// What the tests of wait records wait for, and the tasks that do.
#pragma once

#include <atomic>
#include <optional>
#include <source_location>
#include <span>
#include <string>

#include "drama/coro/task.hpp"
#include "drama/runtime/spawn.hpp"
#include "drama/sim/simulation.hpp"
#include "drama/sync/broadcast.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/condition.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/mutex.hpp"
#include "drama/sync/oneshot.hpp"
#include "drama/sync/semaphore.hpp"
#include "drama/sync/shared_mutex.hpp"

namespace drama {

/// Everything that a waiter may wait for, and what it should show.
struct place {
    mutex lock;
    shared_mutex many;
    semaphore room{0};
    event happened;
    auto_reset_event rang;
    condition changed;
    channel<int> full{1};
    channel<int> empty{1};
    broadcast<int> news{4};
    oneshot_ends<int> once = oneshot<int>();
    tenant crowded;
    std::optional<join_handle<void>> other;
    simulation* sim = nullptr;  ///< null on the machine

    bool is_held = false;                  ///< the blocking thread
    std::atomic<bool> is_released{false};  ///< and may be let go

    const runnable* holder = nullptr;
    const void* object = nullptr;  ///< null: nobody but the awaiter has its address
    unsigned line = 0;             ///< zero: still on its way to the await
    const char* file = nullptr;
    std::source_location before_spawn;  ///< the line before the spawn of the waiter

    /// The await that counts begins on the next line.
    void next_line(std::source_location here = std::source_location::current()) noexcept {
        line = here.line() + 1;
        file = here.file_name();
    }
};

using waiter = task<result<void>> (*)(place*);

/// However a wait ended: it was looked at.
template <class T>
result<void> done(const T&) {
    return {};
}

struct wait_case {
    const char* name;
    waiter waits;
    wait_kind kind;
    bool is_real = false;
};

/// One task for each kind of await in coro, runtime and sync, and for each in net and fs.
std::span<const wait_case> waits_for_tasks();
std::span<const wait_case> waits_for_io();

/// A task that sleeps for longer than any test.
task<void> nap();
/// From here on a blocking call has to wait for the only thread.
task<void> hold_the_pool(place* at);

}  // namespace drama
