// SPDX-License-Identifier: Apache-2.0
// That simulated runs go on, for whoever watches from outside (stuck_thread_watch.hpp).
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

namespace drama::inline v0::internal {

inline constinit std::atomic<std::uint64_t> step_beats{0};
/// The OS thread that the last one came from.
inline constinit std::atomic<pthread_t> step_thread{};

/// A simulated thread begins to run, or goes on. Threads: whoever runs a simulation.
/// Complexity: two stores.
inline void beat_step() noexcept {
    step_beats.store(step_beats.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    step_thread.store(::pthread_self(), std::memory_order_relaxed);
}

}  // namespace drama::inline v0::internal
