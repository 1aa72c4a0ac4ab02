// SPDX-License-Identifier: Apache-2.0
// Interruptions of user code between two awaits: in code that was built for it (drama_interleaved)
// each access to memory that another thread could see is a point at which the simulated thread may
// lose its CPU, so that tasks of two workers meet in every order of their accesses.
//
// How often and for how long is drawn once a run, over several orders of magnitude: a window of two
// accesses needs a short pause in the right place, a hand-over of the core a long one.
#pragma once

#include <cstdint>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"
#include "drama/base/prng.hpp"

namespace drama::inline v0::internal {

/// What a run decides about its accesses. Determinism: by its seed and the count of accesses.
class access_points {
  public:
    explicit access_points(std::uint64_t seed) noexcept;
    ~access_points();
    access_points(const access_points&) = delete;
    access_points& operator=(const access_points&) = delete;

    /// Accesses that are left before the next pause; counted down by whoever runs user code.
    std::int64_t left = 0;

    /// `left` is used up. Begins to count anew and says how long the thread is off its CPU.
    duration next_pause() noexcept;
    /// The thread may not be interrupted just now: counts anew.
    void put_off() noexcept;
    std::uint64_t pauses() const noexcept { return pauses_; }

  private:
    std::int64_t draw_gap() noexcept;

    prng random_;
    std::uint64_t mean_gap_;
    std::uint64_t pauses_max_;
    std::uint64_t pauses_ = 0;
};

/// Whose accesses the calling OS thread counts; null: nobody's. Yields whose it counted before.
DRAMA_API access_points* count_accesses_for(access_points* run) noexcept;
[[nodiscard]] access_points* accesses_counted_for() noexcept;

/// An access to `at` is about to happen. Called by instrumented code. What is freed in a simulated
/// run is overwritten and held back until its end: who comes for it stops the run.
DRAMA_API void note_access(const volatile void* at) noexcept;

/// What freed memory is made of, frames and the heap's alike; spinlocks know it.
inline constexpr int freed_byte = 0xdb;

/// Has the heap of this program hold freed memory back (freed_memory.cpp).
DRAMA_API void hold_freed_memory_back() noexcept;
/// Called when a run has ended; null: nothing is held back in this program.
DRAMA_API void set_release_of_freed_memory(void (*release)() noexcept) noexcept;

/// While it stands, the accesses of this thread are no points: for the simulator's own code, which
/// may have been built in a user's file.
class DRAMA_API no_access_points {
  public:
    no_access_points() noexcept : before_(count_accesses_for(nullptr)) {}
    ~no_access_points() { count_accesses_for(before_); }
    no_access_points(const no_access_points&) = delete;
    no_access_points& operator=(const no_access_points&) = delete;

  private:
    access_points* before_;
};

}  // namespace drama::inline v0::internal
