// SPDX-License-Identifier: Apache-2.0
// Random rules: each run of a search has some kinds of faults and lacks others, and each of these
// comes once, now and then, or from some point on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "drama/base/export.hpp"
#include "drama/base/prng.hpp"
#include "drama/fault/fault_plan.hpp"

namespace drama::inline v0 {

/// What may be drawn.
struct fault_mix {
    std::vector<fault_kind> kinds;
    std::string tenant = {};  ///< whose faults they are; empty: anybody's
    double part = 0.5;        ///< of the kinds, in one run
    double often_most = 0.1;  ///< the highest probability of a rule
    bool may_last = true;     ///< some rules break everything from some point on
};

/// All kinds of a family: "network", "disk", "threads", "time", "tenant", "user".
DRAMA_API std::vector<fault_kind> kinds_of(std::string_view family);

/// Determinism: follows from the state of `random` and the mix.
DRAMA_API std::vector<fault_rule> draw_faults(prng& random, const fault_mix& mix);

}  // namespace drama::inline v0
