// SPDX-License-Identifier: Apache-2.0
// Assertions for programmer errors. They stay on in release: a broken invariant stops the process
// before it corrupts another tenant's data. Bad input and overload are results, never assertions.
#pragma once

#include "drama/base/export.hpp"

namespace drama::inline v0::internal {

/// Prints the failed condition and where it stands to stderr, then aborts. Threads: any.
[[noreturn]] DRAMA_API void assertion_failed(const char* condition, const char* file, int line,
                                             const char* message) noexcept;

}  // namespace drama::inline v0::internal

/// Aborts with `message` unless `condition` holds. Cost: one predicted branch.
#define DRAMA_ASSERT(condition, message)                                                  \
    do {                                                                                  \
        if (!(condition)) [[unlikely]] {                                                  \
            ::drama::internal::assertion_failed(#condition, __FILE__, __LINE__, message); \
        }                                                                                 \
    } while (false)
