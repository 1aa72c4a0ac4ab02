// SPDX-License-Identifier: Apache-2.0
// What a tenant's functions are expected to cost, by the site that started them: pessimistic, so
// that a tenant with wild costs is believed to be large (2DFQ^E, Mace et al. 2016).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "drama/base/clock.hpp"

namespace drama::inline v0 {

/// Names the place in the program that started a function.
using spawn_site = std::uint64_t;

/// The expected cost of up to `capacity` sites; the least recently seen one makes room.
/// Complexity: O(capacity). Threads: the caller's lock.
class estimate_table {
  public:
    static constexpr std::size_t capacity = 8;

    /// The expected cost at `site`, or `prior` if it is not known.
    duration expect(spawn_site site, duration prior) const noexcept {
        for (std::size_t i = 0; i != used_; ++i) {
            if (entries_[i].site == site) {
                return entries_[i].cost;
            }
        }
        return prior;
    }

    /// Learns a cost: up at once, down by a hundredth each time.
    void learn(spawn_site site, duration cost) noexcept {
        std::size_t at = 0;
        while (at != used_ && entries_[at].site != site) {
            ++at;
        }
        entry seen{site, cost};
        if (at == used_) {
            used_ = std::min(used_ + 1, capacity);
            at = used_ - 1;
        } else {
            seen.cost = std::max(cost, entries_[at].cost - entries_[at].cost / 100);
        }
        std::move_backward(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(at),
                           entries_.begin() + static_cast<std::ptrdiff_t>(at) + 1);
        entries_[0] = seen;
    }

  private:
    struct entry {
        spawn_site site = 0;
        duration cost{};
    };
    std::array<entry, capacity> entries_{};  // most recently seen first
    std::size_t used_ = 0;
};

}  // namespace drama::inline v0
