// SPDX-License-Identifier: Apache-2.0
// Draws percentiles of latency as SVG: a line for each histogram; the axis of percentiles is
// logarithmic in what is left to 100 %, so that 99, 99.9 and 99.99 % are equally far apart.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "load/histogram.hpp"

namespace drama::cli {

/// One line of a plot. Units: nanoseconds.
struct plot_line {
    std::string name;
    const histogram* values = nullptr;
};

/// The lines a plot shows; what is beyond is left out, and the plot says so.
inline constexpr std::size_t plot_lines_max = 12;

/// Shares at which a histogram with `count` values is worth looking at: from 0 up to the last that
/// is not 1 yet, ten in each "nine", and 1.
std::vector<double> plot_shares(std::uint64_t count);

std::string plot_svg(std::string_view title, std::span<const plot_line> lines);

}  // namespace drama::cli
