// SPDX-License-Identifier: Apache-2.0
// What one row of the demonstration found: as a table, as JSON, as a sentence.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "load/histogram.hpp"

namespace drama::cli {

/// Samples of all segments of one kind, pooled.
struct pooled_latency {
    histogram samples_ns;

    bool is_measured() const noexcept { return samples_ns.count() != 0; }
    double at(double share) const;  ///< in microseconds; zero if nothing was measured
};

struct demo_row {
    std::string system;  ///< whose server it was
    std::string scenario;
    std::string policy;
    std::string backend;
    pooled_latency alone;
    pooled_latency victim;              ///< next to the neighbour
    bool has_neighbour_figures = true;  ///< not of several neighbours at once
    double neighbour_alone_per_s = 0;
    double neighbour_together_per_s = 0;
    std::uint32_t dropped_segments = 0;
    std::uint32_t errors = 0;
    std::uint32_t late_p99_us = 0;

    std::optional<double> tokio_alone_p99_us;  ///< the same request of a plain Tokio server

    double p99_ratio() const;  ///< not a number if one of the two was not measured
};

std::string table_of(std::span<const demo_row> rows);
/// One line, without the newline.
std::string json_of(const demo_row& row);
/// What the rows say, in one sentence.
std::string meaning_of(std::span<const demo_row> rows);

}  // namespace drama::cli
