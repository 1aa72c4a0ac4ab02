// SPDX-License-Identifier: Apache-2.0
// What a test says that it survives: faults of some kinds, wherever they happen, and stops of its
// tasks. A search takes it at its word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "drama/fault/fault_kind.hpp"

namespace drama::inline v0 {

class survival {
  public:
    void add(std::initializer_list<fault_kind> kinds) noexcept {
        for (const fault_kind each : kinds) {
            kinds_ |= bit_of(each);
        }
    }
    /// All kinds of "network", "disk", "threads", "time", "tenant" or "user".
    void add_family(std::string_view family) noexcept {
        for (std::size_t index = 0; index != fault_kinds; ++index) {
            const auto kind = static_cast<fault_kind>(index);
            kinds_ |= family_of(kind) == family ? bit_of(kind) : 0;
        }
    }
    void add_stops() noexcept { stops_ = true; }

    bool contains(fault_kind kind) const noexcept { return (kinds_ & bit_of(kind)) != 0; }
    bool is_empty() const noexcept { return kinds_ == 0; }
    bool stops() const noexcept { return stops_; }

  private:
    static_assert(fault_kinds <= 64);
    static constexpr std::uint64_t bit_of(fault_kind kind) noexcept {
        return std::uint64_t{1} << static_cast<unsigned>(kind);
    }

    std::uint64_t kinds_ = 0;
    bool stops_ = false;
};

}  // namespace drama::inline v0
