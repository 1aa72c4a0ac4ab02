// SPDX-License-Identifier: Apache-2.0
// What an OS thread waits for while another one runs the simulation.
#pragma once

#include <semaphore.h>

#include <cerrno>

namespace drama::inline v0::internal {

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

}  // namespace drama::inline v0::internal
