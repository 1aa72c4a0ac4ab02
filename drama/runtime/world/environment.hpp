// SPDX-License-Identifier: Apache-2.0
// The environment variables that drama reads, in one place: DRAMA_IO, DRAMA_SEED,
// DRAMA_NO_SCHED_ATTR, DRAMA_SIM_RUNS, DRAMA_SIM_SECONDS, DRAMA_SIM_STOP_AT,
// DRAMA_SIM_REPORT.
#pragma once

#include <optional>
#include <string>

namespace drama::inline v0 {

/// The variable's value, or nothing. Threads: any, while nobody changes the environment.
std::optional<std::string> environment(const char* name);

}  // namespace drama::inline v0
