// SPDX-License-Identifier: Apache-2.0
// What a world that lets things go wrong is asked by the runtime on it, beside IO and threads. The
// machine needs no asking: there it goes wrong by itself.
#pragma once

#include <cstddef>

#include "drama/base/clock.hpp"
#include "drama/runtime/world/wall_time.hpp"
#include "drama/base/export.hpp"

namespace drama::inline v0 {

class account;
class runnable;

/// Threads: any. Called with no lock held, apart from threads_max, which is called once a pool.
class DRAMA_API world_mishaps {
  public:
    /// A function of `payer` begins on this thread, of the pool "compute", "blocking", "files" or
    /// "names". It may return late.
    virtual void begin_call(const char* pool, const account& payer) noexcept = 0;
    /// How many threads that pool may have, `wanted` at most and at least one.
    virtual std::size_t threads_max(const char* pool, std::size_t wanted) noexcept = 0;
    /// True if `woken` shall go on on another core than the one that woke it.
    virtual bool moves(const runnable& woken) noexcept = 0;
    /// When a timer armed for `when` shall fire: never earlier.
    virtual instant timer_due(instant when) noexcept = 0;
    /// What the wall clock says.
    virtual wall_instant wall_now() noexcept = 0;

  protected:
    ~world_mishaps() = default;
};

}  // namespace drama::inline v0
