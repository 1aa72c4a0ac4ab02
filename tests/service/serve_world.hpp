// SPDX-License-Identifier: Apache-2.0
// All of `drama serve` in a simulated world: the code that the program runs, on a runtime of its
// own, and clients on another, between them a network that breaks as it is told.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "drama/fault/fault_plan.hpp"
#include "drama/sim/carrier_threads.hpp"

namespace drama::testing_support {

struct serve_run {
    std::uint64_t seed = 1;
    std::vector<fault_rule> faults = {};  ///< while the clients ask
    std::uint64_t clients = 3;
    std::uint64_t requests = 6;  ///< of each client
    carrier_threads* carriers = nullptr;
};

struct serve_seen {
    /// Empty: no request was applied twice, every answer was for its own request, what was
    /// acknowledged is there, and nothing was left.
    std::string fault;
    std::uint64_t hash = 0;
    std::uint64_t steps = 0;
    std::uint64_t answered = 0;
    std::uint64_t unanswered = 0;  ///< the connection broke, or it took too long
    std::array<std::uint64_t, fault_kinds> fired{};
};

serve_seen run_serve(const serve_run& how);

/// A rule for each kind of network fault that serve can meet, as often as suits the kind.
std::vector<fault_rule> serve_network_faults();

}  // namespace drama::testing_support
