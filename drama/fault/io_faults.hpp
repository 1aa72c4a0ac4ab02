// SPDX-License-Identifier: Apache-2.0
// Which faults an operation can have, and the names of the places where worlds ask for them. A
// simulated world knows more ways; these are the ones that can be told from outside.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "drama/fault/fault_plan.hpp"
#include "drama/io/operation.hpp"

namespace drama::inline v0 {

/// "tcp.connect", "disk.write", "pipe.read", "name.lookup" ... Sockets that are not TCP have sites
/// of their own ("udp.send", "unix.recv") in worlds that can tell.
DRAMA_API std::string_view site_of(op_code code) noexcept;

/// What becomes of one operation before and after the system underneath does it.
struct io_fault {
    std::optional<std::int64_t> outcome = {};  ///< it is not done at all
    std::int64_t held_ns = 0;                  ///< it begins so much later; `stuck`: never
    std::size_t length_max = SIZE_MAX;         ///< of its buffer
    std::int64_t moved_bytes = 0;              ///< added to its offset
    std::optional<std::int64_t> failed = {};   ///< it is done, and this is said
    std::optional<std::int64_t> flips = {};    ///< this bit of what it read

    bool is_none() const noexcept {
        return !outcome && held_ns == 0 && length_max == SIZE_MAX && moved_bytes == 0 && !failed &&
               !flips;
    }
};

/// Asks the plan for every kind that can happen to `op`.
DRAMA_API io_fault decide_io(fault_plan& plan, const operation& op) noexcept;

}  // namespace drama::inline v0
