// SPDX-License-Identifier: Apache-2.0
// A wake-up on each CPU every 250 us. Kernels that preempt lazily let a thread of low priority with
// a long slice run on, although a worker stands behind it, until some thread wakes up on that CPU.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

namespace drama::inline v0::internal {

/// One sleeping thread a CPU of the process, started when first wanted; they sleep without limit
/// while nobody wants them. Best effort: a thread that cannot be started is missing, no more.
///
/// Threads: any. Cost: 4 000 wake-ups a second and CPU while wanted, about 1 %; nothing otherwise.
class pulse_threads {
  public:
    pulse_threads() = default;
    ~pulse_threads();
    pulse_threads(const pulse_threads&) = delete;
    pulse_threads& operator=(const pulse_threads&) = delete;

    /// One more wants it, until it calls remove().
    void add() noexcept;
    void remove() noexcept;

  private:
    struct beat {
        pulse_threads* of = nullptr;
        std::size_t cpu = 0;
        pthread_t thread{};
        bool started = false;
    };

    static void* run(void* argument);
    void start() noexcept;
    void wake_all() noexcept;

    std::atomic<std::uint32_t> wanted_{0};  // the futex on which the threads sleep
    std::atomic<bool> ending_{false};
    std::mutex starting_;  // guards the two below
    bool started_ = false;
    std::vector<beat> beats_;
};

}  // namespace drama::inline v0::internal
