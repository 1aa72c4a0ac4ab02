// SPDX-License-Identifier: Apache-2.0
// Folders that are still there after the machine has lost its power.
#pragma once

#include <string>

#include "drama/base/result.hpp"
#include "drama/coro/task.hpp"

namespace drama::cli {

/// The folder that `path` lies in; "." where it has none.
[[nodiscard]] std::string parent_of(const std::string& path);

/// Makes a folder and its name durable, one that is there already too: who made it may have ended
/// before its name was durable. Errors: the kernel's; ENOENT - the folder above is missing.
[[nodiscard]] task<result<void>> make_durable_folder(std::string path);

}  // namespace drama::cli
