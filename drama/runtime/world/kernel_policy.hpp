// SPDX-License-Identifier: Apache-2.0
// Nice value and slice of kernel threads.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace drama::inline v0::internal {

inline constexpr std::uint64_t responsive_slice_ns = 100'000;
inline constexpr std::uint64_t burning_slice_ns = 3'000'000;
inline constexpr int burning_nice = 19;

/// The nice value that the program was started with; that of its main thread.
int nice_of_program() noexcept;

/// Slice and nice together; nice alone where the kernel refuses slices (before 6.12) or
/// DRAMA_NO_SCHED_ATTR is set. False: neither can be set.
bool set_kernel_policy(pid_t tid, int nice, std::uint64_t slice_ns) noexcept;

}  // namespace drama::inline v0::internal
