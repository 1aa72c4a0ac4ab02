// SPDX-License-Identifier: Apache-2.0
// How much the deadlock suite tries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "drama/base/assert.hpp"
#include "drama/sim/seed.hpp"

namespace drama::deadlock {

inline constexpr std::size_t sizes[] = {1, 2, 4};
inline constexpr const char* backends[] = {"epoll", "uring"};

/// In how many worlds each scenario runs: as DRAMA_DEADLOCK_SEEDS says, else `usual`.
inline std::uint64_t seeds_wanted(std::uint64_t usual) {
    const char* const text = std::getenv("DRAMA_DEADLOCK_SEEDS");
    if (text == nullptr) {
        return usual;
    }
    const auto wanted = parse_seed(text);
    DRAMA_ASSERT(wanted && *wanted != 0, "DRAMA_DEADLOCK_SEEDS is no number of seeds");
    return *wanted;
}

}  // namespace drama::deadlock
