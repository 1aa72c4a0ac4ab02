// SPDX-License-Identifier: Apache-2.0
// A lock for queues that hundreds of threads share: who has to wait long sleeps in the kernel.
#pragma once

#include <mutex>

#include "drama/base/atomic.hpp"

namespace drama::inline v0 {

/// Spins for about as long as its holders take, then sleeps until the holder lets go. With a
/// spinlock, a holder that loses its CPU has all others burn theirs, and they keep it from running.
/// Meets Lockable. Threads: any.
class sleeping_lock {
  public:
    void lock() {
        for (unsigned tries = 0; tries < spins_max; ++tries) {
            if (mutex_.try_lock()) {
                return;
            }
            for (unsigned pauses = 1U << tries; pauses != 0; --pauses) {
                cpu_pause();
            }
        }
        mutex_.lock();
    }
    bool try_lock() { return mutex_.try_lock(); }
    void unlock() { mutex_.unlock(); }

  private:
    static constexpr unsigned spins_max = 4;

    std::mutex mutex_;
};

}  // namespace drama::inline v0
