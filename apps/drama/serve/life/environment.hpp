// SPDX-License-Identifier: Apache-2.0
// Variables that are for this process alone, so that its children must not find them.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

namespace drama::cli {

/// Takes `name` out of the environment; nullopt if it is not there. Threads: none other yet.
inline std::optional<std::string> take_variable(const char* name) {
    const char* const value = std::getenv(name);
    if (value == nullptr) {
        return std::nullopt;
    }
    std::string taken = value;
    ::unsetenv(name);
    return taken;
}

}  // namespace drama::cli
