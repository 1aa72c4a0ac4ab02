// SPDX-License-Identifier: Apache-2.0
// What the interposed C library of a test asks: does the calling code run inside a simulation, and
// what shall become of its call then. Calls that would bring in the machine's time, randomness or
// threads are strays; waits for locks become waits of the simulated thread.
#pragma once

#include <cstdint>
#include <string>

#include "drama/base/export.hpp"

namespace drama::inline v0::internal {

/// Threads: any; all but is_simulated only from simulated code.
struct DRAMA_API machine_calls {
    /// The calling OS thread is in the middle of a simulated thread's step.
    static bool is_simulated() noexcept;
    /// Strays end the run (sim_options::on_stray) or the program; `where` names the caller.
    static void stray(const char* call, const std::string& where) noexcept;

    /// The world answers clocks instead (sim_options::answers_clocks).
    static bool answers_clocks() noexcept;
    static std::int64_t clock_ns() noexcept;
    static std::int64_t wall_clock_ns() noexcept;

    /// Others run for a moment of virtual time.
    static void give_way() noexcept;
    /// Waits until `wake(object)` or until the time has come, which yields false.
    static bool wait_at(const void* object, std::int64_t until_ns) noexcept;
    /// Lets the first of those that wait there go on, or all of them.
    static void wake(const void* object, bool all) noexcept;
};

}  // namespace drama::inline v0::internal
