// SPDX-License-Identifier: Apache-2.0
// Reads a workload from TOML.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "replay/workload/workload.hpp"

namespace drama::cli {

inline constexpr std::size_t workload_bytes_max = 4 * 1024 * 1024;
inline constexpr std::size_t workload_errors_max = 20;

/// A workload that is complete. `flags` is called after the settings were read and before names
/// are resolved, so that the command line wins. A trace's path is relative to the file's folder.
/// Errors: one line each, with its place.
std::expected<workload, std::vector<std::string>> parse_workload(
    std::string_view text, const std::string& file, const std::function<void(workload&)>& flags);

}  // namespace drama::cli
