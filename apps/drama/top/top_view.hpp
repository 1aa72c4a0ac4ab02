// SPDX-License-Identifier: Apache-2.0
// What `drama top` shows, as lines of text and as JSON; it knows no terminal.
#pragma once

#include <string>
#include <vector>

#include "top/top_sample.hpp"

namespace drama::cli {

/// One look: the rows between two samples, and the process at the later one.
struct top_view {
    std::string address;
    double seconds = 0;  ///< what the rates are over
    top_order order = top_order::cpu;
    runtime_sample process;
    std::vector<tenant_row> rows;

    static top_view between(std::string address, const top_sample& before, const top_sample& after,
                            top_order order);

    /// The process in a few lines: counts, and the saturation of each resource.
    std::vector<std::string> head() const;
    std::string titles() const;
    /// One tenant. What is no printable ASCII in its name stands as '?'.
    static std::string line_of(const tenant_row& row);

    /// All of it, for a pipe or a file.
    std::string text() const;
    /// One object and a newline.
    std::string json() const;
};

}  // namespace drama::cli
