// SPDX-License-Identifier: Apache-2.0
// A sum that is written often and read seldom: each core adds to a line of its own.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace drama::inline v0::internal {

/// Threads: any; `core` says where the caller runs, as a hint.
class core_counter {
  public:
    void add(std::size_t core) noexcept {
        slots_[core % slots].count.fetch_add(1, std::memory_order_relaxed);
    }
    std::uint64_t read() const noexcept {
        std::uint64_t sum = 0;
        for (const slot& each : slots_) {
            sum += each.count.load(std::memory_order_relaxed);
        }
        return sum;
    }

  private:
    static constexpr std::size_t slots = 8;
    struct alignas(64) slot {
        std::atomic<std::uint64_t> count{0};
    };
    std::array<slot, slots> slots_;
};

}  // namespace drama::inline v0::internal
