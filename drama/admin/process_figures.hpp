// SPDX-License-Identifier: Apache-2.0
// What the kernel says about this process.
#pragma once

#include <cstdint>

namespace drama::inline v0 {

/// Zero where the kernel does not tell. Units: in the names.
struct process_figures {
    double cpu_seconds = 0;
    std::uint64_t resident_bytes = 0;
    std::uint64_t open_fds = 0;
    std::uint64_t max_fds = 0;
    std::uint64_t threads = 0;
    double start_time_seconds = 0;  ///< since 1970
};

/// Reads /proc/self. Threads: any; it blocks for microseconds.
process_figures read_process_figures();

}  // namespace drama::inline v0
