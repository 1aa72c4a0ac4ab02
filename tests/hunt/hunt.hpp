// SPDX-License-Identifier: Apache-2.0
// Bugs that were found in the field, rebuilt as small programs on drama's public face, each with a
// twin in which it is mended. A search must find the bug, and have nothing to say about the twin.
#pragma once

#include <cstddef>
#include <ostream>
#include <span>
#include <string>

#include "drama/sim/node/sim_test_world.hpp"

namespace drama::hunt {

struct program {
    const char* name;
    void (*buggy)(sim_test_world& world);
    void (*mended)(sim_test_world& world);
    /// The word that must be said of the bug; several, with blanks between, where the schedule
    /// decides which. "crash": the run ends the process.
    const char* words;

    /// For a test's output.
    friend void PrintTo(const program& of, std::ostream* to) { *to << of.name; }
};

/// For programs that have as many tenants as they like.
inline std::string tenant_name(std::size_t number) {
    return "tenant " + std::to_string(number);
}

/// Locks, permits and who holds them.
std::span<const program> holder_programs();
/// Signals that come too early, too late or to nobody.
std::span<const program> signal_programs();
/// Requests that are answered twice, wrongly or never.
std::span<const program> request_programs();
/// What was looked at is not so any more.
std::span<const program> race_programs();
/// Stops and deadlines at a bad moment.
std::span<const program> cancel_programs();
/// Waits at locks and signals that nobody ends.
std::span<const program> wait_programs();
/// Waits for partners who do not do their part.
std::span<const program> partner_programs();
/// What is used after it has gone.
std::span<const program> lifetime_programs();
/// Tasks that never come to their end, and memory that nobody owns.
std::span<const program> endless_programs();
/// One is a turn ahead of the other.
std::span<const program> order_programs();

}  // namespace drama::hunt
