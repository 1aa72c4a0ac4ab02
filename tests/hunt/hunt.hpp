// SPDX-License-Identifier: Apache-2.0
// Bugs that were found in the field, rebuilt as small programs on drama's public face, each with a
// twin in which it is mended. A search must find the bug, and have nothing to say about the twin.
#pragma once

#include <span>

#include "drama/sim/node/sim_test_world.hpp"

namespace drama::hunt {

struct program {
    const char* name;
    void (*buggy)(sim_test_world& world);
    void (*mended)(sim_test_world& world);
};

/// Locks, permits and who holds them.
std::span<const program> holder_programs();
/// Signals that come too early, too late or to nobody.
std::span<const program> signal_programs();
/// Requests that are answered twice, wrongly or never.
std::span<const program> request_programs();

}  // namespace drama::hunt
