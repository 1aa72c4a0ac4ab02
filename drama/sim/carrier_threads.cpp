// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/carrier_threads.hpp"

#include <thread>

#include "drama/sim/internal/carrier.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"
#include "drama/sim/points/heap_watch.hpp"

namespace drama::inline v0 {

struct carrier_threads::running_carrier : internal::carrier {
    std::thread thread{[this] {
        const internal::reachable_thread_data caches;
        for (turn.wait(); !ends; turn.wait()) {
            serves->carry(*this);
        }
    }};
};

carrier_threads::carrier_threads() = default;

carrier_threads::~carrier_threads() {
    for (internal::carrier* const each : idle_) {
        each->ends = true;
        each->turn.pass();
    }
    for (auto& each : all_) {
        if (each->ends) {
            each->thread.join();
        } else {
            // It waits for ever inside somebody's step: its stack must stay.
            each->thread.detach();
            static_cast<void>(each.release());
        }
    }
}

std::size_t carrier_threads::size() const noexcept {
    return all_.size();
}

internal::carrier& carrier_threads::take(internal::sim_scheduler& by) {
    internal::carrier* taken = nullptr;
    if (idle_.empty()) {
        all_.push_back(std::make_unique<running_carrier>());
        idle_.reserve(all_.size());
        taken = all_.back().get();
    } else {
        taken = idle_.back();
        idle_.pop_back();
    }
    taken->serves = &by;
    return *taken;
}

void carrier_threads::give_back(internal::carrier& idle) noexcept {
    idle_.push_back(&idle);  // take() has reserved the room
}

}  // namespace drama::inline v0
