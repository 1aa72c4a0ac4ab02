// SPDX-License-Identifier: Apache-2.0
// What the interposed C library of a test asks: does the calling code run inside a simulation, and
// what shall become of its call then. Calls that would bring in the machine's time, randomness or
// threads are strays; waits for locks become waits of the simulated thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "drama/base/export.hpp"

namespace drama::inline v0::internal {

/// Threads: any; all but is_simulated, wake and let_holder_go_on only from simulated code.
struct DRAMA_API machine_calls {
    /// The calling OS thread is in the middle of a simulated thread's step.
    static bool is_simulated() noexcept;
    /// It is not, but its thread has made a simulation, or runs a check of one.
    static bool is_between_steps() noexcept;
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
    /// Lets the first of those that wait there go on, or all of them; how many. From simulated
    /// code, or from that of a test between two steps: its callbacks and checks. Else nobody.
    static std::size_t wake(const void* object, bool all) noexcept;
    /// For a test's code that finds a lock taken, in loops: simulated code that may hold it goes
    /// on for a little, the `round`-th time. False: it is somebody else who holds it.
    static bool let_holder_go_on(int round) noexcept;
};

}  // namespace drama::inline v0::internal
