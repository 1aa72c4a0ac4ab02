// SPDX-License-Identifier: Apache-2.0
#include "drama/check/internal/search.hpp"

namespace drama::inline v0::internal {

std::size_t search::choose_thread(thread_mask awake, std::size_t preferred, thread_mask& slept) {
    if (depth_ == path_.size()) {
        node added;
        const bool prefers = (awake & mask_of(preferred)) != 0;
        added.taken = static_cast<std::uint16_t>(
            prefers ? preferred : static_cast<std::size_t>(std::countr_zero(awake)));
        added.left = static_cast<thread_mask>(awake & ~mask_of(added.taken));
        path_.push_back(added);
    }
    const node& here = path_[depth_++];
    slept |= here.searched;
    return here.taken;
}

std::size_t search::choose_value(std::size_t count) {
    if (depth_ == path_.size()) {
        node added;
        added.count = static_cast<std::uint16_t>(count);
        path_.push_back(added);
    }
    return path_[depth_++].taken;
}

bool search::advance() noexcept {
    while (!path_.empty()) {
        node& last = path_.back();
        if (last.count == 0 && !last.is_cut) {
            last.searched |= mask_of(last.taken);
        }
        last.was_cut |= last.is_cut;
        last.is_cut = false;
        if (last.taken + 1 < last.count) {
            ++last.taken;
            return true;
        }
        if (last.left != 0) {
            last.taken = static_cast<std::uint16_t>(std::countr_zero(last.left));
            last.left = static_cast<thread_mask>(last.left & (last.left - 1));
            return true;
        }
        const bool was_cut = last.was_cut;
        path_.pop_back();
        if (was_cut) {
            (path_.empty() ? is_cut_ : path_.back().is_cut) = true;
        }
    }
    return false;
}

}  // namespace drama::inline v0::internal
