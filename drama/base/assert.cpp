// SPDX-License-Identifier: Apache-2.0
#include "drama/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace drama::inline v0::internal {

void assertion_failed(const char* condition, const char* file, int line,
                      const char* message) noexcept {
    std::fprintf(stderr, "drama: assertion failed: %s (%s) at %s:%d\n", message, condition, file,
                 line);
    std::fflush(stderr);
    std::abort();
}

}  // namespace drama::inline v0::internal
