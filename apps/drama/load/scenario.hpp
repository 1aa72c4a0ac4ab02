// SPDX-License-Identifier: Apache-2.0
// The scenario file of `drama load`, in TOML: settings of the plan, settings that its groups begin
// with, and [[group]]s. It is read whole or not at all; what is wrong is told with its place.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "load/load_plan.hpp"

namespace drama::cli {

inline constexpr std::size_t scenario_errors_max = 20;
inline constexpr std::size_t scenario_bytes_max = 4 * 1024 * 1024;

/// Lines `FILE:LINE:COLUMN: message`, at most `scenario_errors_max`, and then how many more.
using scenario_errors = std::vector<std::string>;

/// Reads `text`; `file` only names it in messages. `flags` is called between the settings of the
/// file and its groups, to put those of the command line over the former.
std::expected<load_plan, scenario_errors> parse_scenario(
    std::string_view text, const std::string& file, const std::function<void(load_plan&)>& flags);

}  // namespace drama::cli
