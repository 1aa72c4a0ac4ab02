// SPDX-License-Identifier: Apache-2.0
// Where in the source an address of the program is, for reports about code that has no
// source_location: whoever called the C library, or the heap.
#pragma once

#include <string>
#include <vector>

#include "drama/base/export.hpp"

namespace drama::inline v0::internal {

/// "function at file:line" of the call that returns to `address`, innermost first where functions
/// were inlined; "program+0x1234" where the machine has no tools to tell, or nothing at all for
/// code of the C and C++ libraries. Each address is looked up once. Threads: one at a time.
DRAMA_API const std::vector<std::string>& code_places(const void* address);

}  // namespace drama::inline v0::internal
