// SPDX-License-Identifier: Apache-2.0
// Reads arrivals from a CSV file, a line at a time: the file may be larger than memory.
#pragma once

#include <cstddef>
#include <expected>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "replay/workload/workload.hpp"

namespace drama::cli {

inline constexpr std::size_t trace_line_bytes_max = 4096;

/// One item. Units: `at` from the beginning of the replay.
struct trace_line {
    duration at{};
    duration cost{};
    std::string_view tenant;  ///< until the next line is read
    work_class cls = work_class::read;
    double weight = 1;
};

/// The first line names the columns, in any order: `at_us`, `tenant` and `cost_us` must be there;
/// `class` and `weight` may. No quotes. Times do not go back. Costs and times may have a fraction.
/// Threads: one at a time.
class trace_csv {
  public:
    explicit trace_csv(const std::string& file);

    /// False at the end. Errors: one line that says where and what is wrong.
    std::expected<bool, std::string> next(trace_line& into);

  private:
    enum column : std::size_t { at_us, tenant, cost_us, cls, weight, columns };

    std::string wrong(const std::string& what) const;
    bool split();
    std::string read_head();
    std::string read_line(trace_line& into) const;

    std::string file_;
    std::ifstream in_;
    std::string line_;
    std::vector<std::string_view> cells_;
    std::size_t places_[columns]{};  // of each column among the cells; npos: there is none
    std::size_t number_ = 0;
    duration last_{};
};

/// Reads `made.trace` once, checks it all and adds a line for each of its tenants that `made` does
/// not name, with the weight of its first item. Says what is wrong, or nothing.
std::string add_trace_tenants(workload& made);

}  // namespace drama::cli
