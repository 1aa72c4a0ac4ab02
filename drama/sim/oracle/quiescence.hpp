// SPDX-License-Identifier: Apache-2.0
// Why nothing moves any more: the graph of waits at the moment when no thread, timer or operation
// will ever do anything, and what it shows.
#pragma once

#include "drama/base/export.hpp"
#include "drama/sim/oracle/task_census.hpp"
#include "drama/sim/oracle/verdict.hpp"

namespace drama::inline v0 {

/// verdict_kind::none if no task is left. Requires: no task of `all` runs, and all wait for good.
/// Complexity: O(tasks * waits); it is made once, for a report.
[[nodiscard]] DRAMA_API verdict judge_quiescence(const task_census& all);

}  // namespace drama::inline v0
