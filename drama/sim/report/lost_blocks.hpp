// SPDX-License-Identifier: Apache-2.0
// Memory that a run took and lost, as a report shows it.
#pragma once

#include <vector>

#include "drama/base/export.hpp"
#include "drama/sim/node/sim_test_setup.hpp"
#include "drama/sim/points/heap_watch.hpp"

namespace drama::inline v0 {

/// Says in `into` how much it is, and where it was taken. Requires: the blocks know their callers.
DRAMA_API void describe_lost_blocks(const std::vector<internal::heap_block>& lost,
                                    run_verdict& into);

}  // namespace drama::inline v0
