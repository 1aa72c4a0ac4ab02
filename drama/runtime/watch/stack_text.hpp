// SPDX-License-Identifier: Apache-2.0
// Return addresses as text an operator can read.
#pragma once

#include <span>
#include <string>

#include "drama/coro/runnable.hpp"

namespace drama::inline v0::internal {

/// One line a frame: symbol and offset where the dynamic table knows them, else module and address
/// (for addr2line). Threads: any.
std::string stack_text(std::span<void* const> frames);

/// "file:line, function name" of a task's spawn.
std::string site_text(const task_site& site);

}  // namespace drama::inline v0::internal
