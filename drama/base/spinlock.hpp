// SPDX-License-Identifier: Apache-2.0
// A lock for a few instructions' worth of work: never held across a syscall, a callback into user
// code or an allocation.
#pragma once

#include "drama/base/atomic.hpp"

namespace drama::inline v0 {

/// Test-and-test-and-set; yields the CPU after a short spin, because the holder may be preempted.
/// Meets BasicLockable. Threads: any.
template <class Atomics = real_atomics>
class basic_spinlock {
  public:
    void lock() noexcept {
        while (!try_lock()) {
            for (int spins = 0; held_.load(std::memory_order_relaxed); ++spins) {
                if (spins < 64) {
                    cpu_pause();
                } else {
                    Atomics::yield();
                }
            }
        }
    }
    bool try_lock() noexcept { return !held_.exchange(true, std::memory_order_acquire); }
    /// Pairs with try_lock's acquire.
    void unlock() noexcept { held_.store(false, std::memory_order_release); }

  private:
    typename Atomics::template atomic<bool> held_{false};
};

using spinlock = basic_spinlock<>;

}  // namespace drama::inline v0
