// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/world/environment.hpp"

#include <cstdlib>

namespace drama::inline v0 {

std::optional<std::string> environment(const char* name) {
    const char* const value = std::getenv(name);
    return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

}  // namespace drama::inline v0
