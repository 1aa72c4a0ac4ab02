// SPDX-License-Identifier: Apache-2.0
// Calendar time: what dates and certificates are measured by. Wall clocks are off, and they jump;
// so nothing waits by them, and code asks `wall_now()` of drama/runtime/wall_now.hpp.
#pragma once

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"

namespace drama::inline v0 {

using wall_instant = std::chrono::sys_time<duration>;

/// The machine's wall clock. Threads: any.
DRAMA_API wall_instant machine_wall_now() noexcept;

/// A wall clock that can be set. Threads: any.
class DRAMA_API wall_source {
  public:
    virtual wall_instant read() noexcept = 0;
    /// Forward, or back if it is negative.
    virtual void set_by(duration by) noexcept = 0;

  protected:
    ~wall_source() = default;
};

}  // namespace drama::inline v0
