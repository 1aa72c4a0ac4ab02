// SPDX-License-Identifier: Apache-2.0
// Part of the standard scenario: producers and fitters of one tenant who meet in every primitive,
// and a crowd of short tasks that other workers steal. Each rule of a primitive is checked.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "drama/base/prng.hpp"
#include "drama/base/result.hpp"
#include "drama/coro/task.hpp"
#include "drama/sim/simulation.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/oneshot.hpp"
#include "drama/sync/semaphore.hpp"
#include "drama/sync/shared_mutex.hpp"

namespace drama::scenarios {

struct order {
    std::uint64_t number = 0;
    oneshot_sender<std::uint64_t> answer;
};

/// What the seed chose, and what was counted meanwhile. Outlives its tasks.
struct workshop {
    explicit workshop(std::uint64_t seed);

    /// Makes part of the event hash who did something, so that the order among equals counts.
    void note(std::uint64_t who) const { sim->note(who); }
    duration some(duration most) {
        return duration(random.below(static_cast<std::uint64_t>(most.count()) + 1));
    }
    void check(bool holds, const char* what) {
        if (!holds && fault.empty()) {
            fault = what;
        }
    }

    prng random;
    std::uint64_t producers;
    std::uint64_t orders_each;
    std::uint64_t fitters;
    std::uint64_t crowd;
    std::size_t tools;

    event is_open;
    channel<order> orders;
    semaphore free_tools;
    shared_mutex catalogue;

    std::uint64_t producing = 0;
    std::size_t tools_in_use = 0;
    std::uint64_t readers = 0;
    std::uint64_t writers = 0;
    std::uint64_t answered = 0;
    std::uint64_t crowd_done = 0;
    std::string fault;  ///< empty: every rule held
    simulation* sim = nullptr;
};

/// Runs all of it; `shop` then tells how it went. A task of its own.
task<result<void>> run_workshop(workshop* shop);

}  // namespace drama::scenarios
