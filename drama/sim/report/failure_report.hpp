// SPDX-License-Identifier: Apache-2.0
// How a failure is shown: one line that replays it, the verdict in one word, who waits for whom,
// what is left after shrinking, the last steps; the same as text and as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "drama/base/export.hpp"
#include "drama/base/result.hpp"

namespace drama::inline v0 {

struct failure_report {
    std::string test;     ///< "Suite.Name"
    std::string token;    ///< what DRAMA_SEED takes
    std::string command;  ///< the whole line that runs it again
    std::string word;
    std::string what;
    std::uint64_t step = 0;
    std::int64_t at_ns = 0;
    std::string strategy;
    std::uint64_t runs = 0;  ///< until it was found
    std::int64_t took_ms = 0;
    std::vector<std::string> waits;     ///< one line each
    std::vector<std::string> faults;    ///< those that fired
    std::string expectations;           ///< those that failed
    std::vector<std::string> shrunk;    ///< from what to what, what was left out
    std::vector<std::string> schedule;  ///< the deviations that are needed
    std::string last_steps;             ///< of the shrunk run
    std::string folder;                 ///< where the whole trace is; empty: nowhere

    std::string text() const;
    std::string json() const;
};

/// Writes `report.json`, `report.txt` and `timeline.html` below `folder`, which is made.
/// Errors: the file system's.
DRAMA_API result<void> write_report(const failure_report& report, const std::string& timeline,
                                    const std::string& folder);

/// `text` between quotes, as JSON wants it.
DRAMA_API std::string json_text(const std::string& text);

}  // namespace drama::inline v0
