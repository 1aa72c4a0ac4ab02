// SPDX-License-Identifier: Apache-2.0
// What reports of several commands write alike: tables for people, histograms as JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drama/admin/json_writer.hpp"
#include "load/histogram.hpp"

namespace drama::cli {

/// A line for each row, the columns as wide as they must be: `names` on the left, then figures.
/// Requires: rows of equal length.
std::string table_of(const std::vector<std::vector<std::string>>& rows, std::size_t names);

double microseconds(std::uint64_t ns);

/// An object of count, mean, ends and percentiles. Units: `of` nanoseconds, the JSON microseconds.
void write_histogram(json_writer& json, std::string_view key, const histogram& of);

}  // namespace drama::cli
