// SPDX-License-Identifier: Apache-2.0
// The commands of the drama program. Each yields the exit status.
#pragma once

#include <span>

namespace drama::cli {

int serve_command(std::span<char* const> arguments);
int load_command(std::span<char* const> arguments);
int top_command(std::span<char* const> arguments);
int explain_command(std::span<char* const> arguments);
int demo_command(std::span<char* const> arguments);
int replay_command(std::span<char* const> arguments);

}  // namespace drama::cli
