// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/arrival_order.hpp"

#include <algorithm>

namespace drama::inline v0 {

void arrival_order::add(lane_set& lanes) {
    if (used_ != 0) {
        run& last = ring_[(first_ + used_ - 1) & (ring_.size() - 1)];
        if (last.lanes == &lanes) {
            ++last.count;
            return;
        }
    }
    if (used_ == ring_.size()) {
        grow();
    }
    ring_[(first_ + used_) & (ring_.size() - 1)] = {&lanes, 1};
    ++used_;
}

void arrival_order::forget(const lane_set& lanes, std::size_t count) noexcept {
    for (std::size_t step = 0; step < used_ && count != 0; ++step) {
        run& seen = ring_[(first_ + step) & (ring_.size() - 1)];
        if (seen.lanes == &lanes) {
            const std::size_t taken = std::min(count, seen.count);
            seen.count -= taken;
            count -= taken;
        }
    }
}

void arrival_order::forget_at(const lane_set& lanes, std::size_t before_it) noexcept {
    for (std::size_t step = 0; step < used_; ++step) {
        run& seen = ring_[(first_ + step) & (ring_.size() - 1)];
        if (seen.lanes != &lanes) {
            continue;
        }
        if (before_it < seen.count) {
            --seen.count;
            break;
        }
        before_it -= seen.count;
    }
    // Empty runs at the front go when they are met; at the end they would pile up.
    while (used_ != 0 && ring_[(first_ + used_ - 1) & (ring_.size() - 1)].count == 0) {
        --used_;
    }
}

void arrival_order::grow() {
    std::vector<run> larger(std::max<std::size_t>(64, ring_.size() * 2));
    for (std::size_t step = 0; step < used_; ++step) {
        larger[step] = ring_[(first_ + step) & (ring_.size() - 1)];
    }
    ring_.swap(larger);
    first_ = 0;
}

}  // namespace drama::inline v0
