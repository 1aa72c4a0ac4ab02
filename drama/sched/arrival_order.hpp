// SPDX-License-Identifier: Apache-2.0
// The order in which items reached a shard, as runs of one lane set's items: what the fifo policy
// follows. Items themselves stay in their lane sets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "drama/base/export.hpp"

namespace drama::inline v0 {

class lane_set;

/// Ring of runs {lane set, number of consecutive items}.
/// Complexity: O(1), forget() O(runs). Allocates only in add(). Threads: the caller's lock.
class DRAMA_API arrival_order {
  public:
    /// The lane set of the oldest item, or nullptr.
    lane_set* front() noexcept {
        while (used_ != 0 && ring_[first_].count == 0) {
            drop();
        }
        return used_ == 0 ? nullptr : ring_[first_].lanes;
    }
    void add(lane_set& lanes);
    /// Counts off the oldest item. Requires: front() was not nullptr.
    void pop() noexcept {
        if (--ring_[first_].count == 0) {
            drop();
        }
    }
    /// Counts off the oldest `count` items of `lanes`, which were taken elsewhere.
    void forget(const lane_set& lanes, std::size_t count) noexcept;
    /// Counts off the item of `lanes` that has `before_it` of them before it.
    void forget_at(const lane_set& lanes, std::size_t before_it) noexcept;

  private:
    struct run {
        lane_set* lanes;
        std::size_t count;
    };

    void drop() noexcept {
        first_ = (first_ + 1) & (ring_.size() - 1);
        --used_;
    }
    void grow();

    std::vector<run> ring_;  // a power of two long
    std::size_t first_ = 0;
    std::size_t used_ = 0;
};

}  // namespace drama::inline v0
