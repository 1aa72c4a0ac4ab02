// SPDX-License-Identifier: Apache-2.0
// Simulated code that never comes back: a loop without an await, a call that waits for something
// outside of the simulation. Nothing in the run itself would ever tell; here a thread of the
// machine looks on, says where the code is, and ends the program.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"

namespace drama::inline v0 {

/// How long a step may last before it is given up.
struct stuck_thread_limits {
    duration cpu_time = std::chrono::seconds(5);
    duration time = std::chrono::seconds(30);  ///< as the watching thread counts it
};

/// Looks on from its construction to its end, while a run lasts. Threads: the owner of the runs;
/// one stands at a time.
class DRAMA_API stuck_thread_watch {
  public:
    explicit stuck_thread_watch(const stuck_thread_limits& limits = {});
    ~stuck_thread_watch();
    stuck_thread_watch(const stuck_thread_watch&) = delete;
    stuck_thread_watch& operator=(const stuck_thread_watch&) = delete;

    /// A run lasts while it stands.
    class during_run {
      public:
        during_run() noexcept { runs_.fetch_add(1, std::memory_order_relaxed); }
        ~during_run() { runs_.fetch_sub(1, std::memory_order_relaxed); }
        during_run(const during_run&) = delete;
        during_run& operator=(const during_run&) = delete;
    };

  private:
    void look_on() noexcept;

    static inline constinit std::atomic<int> runs_{0};
    const stuck_thread_limits limits_;
    std::mutex mutex_;
    std::condition_variable ended_;
    bool is_over_ = false;
    std::thread thread_;
};

}  // namespace drama::inline v0
