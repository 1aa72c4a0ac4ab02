// SPDX-License-Identifier: Apache-2.0
// One OS thread of carrier_threads, as the scheduler sees it, and what it waits for while another
// one runs the simulation.
#pragma once

#include <semaphore.h>

#include <cerrno>

#include "drama/runtime/world/world.hpp"

namespace drama::inline v0::internal {

class sim_scheduler;

/// Passed from one thread to another; a pass that comes before the wait is kept. Everything before
/// pass() happens before everything after wait().
class baton {
  public:
    baton() noexcept { ::sem_init(&passed_, 0, 0); }
    ~baton() { ::sem_destroy(&passed_); }
    baton(const baton&) = delete;
    baton& operator=(const baton&) = delete;

    void pass() noexcept { ::sem_post(&passed_); }
    void wait() noexcept {
        while (::sem_wait(&passed_) != 0 && errno == EINTR) {
        }
    }

  private:
    sem_t passed_;
};

/// Written by whoever holds the baton.
struct carrier {
    baton turn;
    thread_body* runs = nullptr;  ///< whose thread-local pointers are set
    sim_scheduler* serves = nullptr;
    bool ends = false;
};

}  // namespace drama::inline v0::internal
