// SPDX-License-Identifier: Apache-2.0
// The standard scenario: an echo server and clients of several tenants over the simulated network,
// with sleeps, a contended mutex, blocking and compute calls and a hog. The seed decides which
// parts there are and how large they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "drama/sim/simulation.hpp"

namespace drama::scenarios {

/// What one run was like.
struct outcome {
    std::uint64_t hash = 0;
    std::uint64_t steps = 0;
    std::uint64_t events = 0;
    std::uint64_t hand_overs = 0;
    std::string fault;  ///< empty: everything held
    std::vector<sim_event_record> kept;
};

struct settings {
    carrier_threads* carriers = nullptr;
    bool keep_events = false;
};

outcome run_standard(std::uint64_t seed, const settings& how = {});

}  // namespace drama::scenarios
