// SPDX-License-Identifier: Apache-2.0
// `drama demo`.
#include "commands.hpp"

namespace drama::cli {
int demo_command(std::span<char* const>) {
    return 2;
}
}  // namespace drama::cli
