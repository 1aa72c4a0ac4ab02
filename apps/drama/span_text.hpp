// SPDX-License-Identifier: Apache-2.0
// Spans of time for people.
#pragma once

#include <string>

namespace drama::cli {

/// 850 ns, 1.5 us, 12 us, 3.4 ms, 1.2 s: two digits at least. Units: nanoseconds.
std::string span_text(double ns);

}  // namespace drama::cli
