// SPDX-License-Identifier: Apache-2.0
// What `drama load` found, for people and as JSON.
#pragma once

#include <string>
#include <vector>

#include "load/load_plan.hpp"
#include "load/load_result.hpp"

namespace drama::cli {

/// One result for each group of the plan, in its order. Lifetime: views the plan.
struct load_report {
    const load_plan* plan = nullptr;
    std::vector<load_result> results;
    bool is_interrupted = false;

    load_result total() const;
    /// A table, and a line for each thing that went wrong.
    std::string text() const;
    /// One object and a newline.
    std::string json() const;
    std::string svg() const;
};

}  // namespace drama::cli
