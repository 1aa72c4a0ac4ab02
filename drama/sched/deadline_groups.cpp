// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/deadline_groups.hpp"

namespace drama::inline v0 {

void deadline_groups::insert(lane_set& lanes, virtual_time position,
                             virtual_span request) noexcept {
    const std::size_t group = group_of(request);
    const int shift = shift_of(group);
    virtual_time start = aligned(position, shift);
    bool at_head = false;
    if (filled_slots_[group] == 0) {
        fronts_[group] = start;
        filled_groups_ |= std::uint64_t{1} << group;
    } else {
        const virtual_time front = fronts_[group];
        const std::int64_t offset = gap(start, front) >> shift;
        if (offset >= static_cast<std::int64_t>(slot_count)) {
            start = advanced(front, static_cast<virtual_span>(slot_count - 1) << shift);
        } else if (offset < 0) {
            const std::uint64_t from_front =
                std::rotr(filled_slots_[group], static_cast<int>(slot_index(front, shift)));
            const std::int64_t last = std::bit_width(from_front) - 1;
            // Where the window cannot reach back that far, the head of the front slot must do.
            at_head = last - offset >= static_cast<std::int64_t>(slot_count);
            start = at_head ? front : start;
            fronts_[group] = start;
        }
    }
    lanes.group_ = static_cast<std::uint8_t>(group);
    lanes.slot_start_ = start;
    const std::size_t index = slot_index(start, shift);
    slot& into = slots_[group][index];
    if (into.head == nullptr) {
        filled_slots_[group] |= std::uint64_t{1} << index;
        lanes.following_ = nullptr;
        into.head = into.tail = &lanes;
    } else if (at_head) {
        lanes.following_ = into.head;
        into.head->preceding_ = &lanes;
        into.head = &lanes;
    } else {
        lanes.following_ = nullptr;
        lanes.preceding_ = into.tail;
        into.tail->following_ = &lanes;
        into.tail = &lanes;
    }
}

void deadline_groups::remove(lane_set& lanes) noexcept {
    const std::size_t group = lanes.group_;
    const int shift = shift_of(group);
    const std::size_t index = slot_index(lanes.slot_start_, shift);
    slot& from = slots_[group][index];
    if (from.head == &lanes) {
        // The new head keeps a preceding_ that nothing reads: writing it would cost a cache miss.
        from.head = lanes.following_;
    } else {
        lanes.preceding_->following_ = lanes.following_;
        if (lanes.following_ != nullptr) {
            lanes.following_->preceding_ = lanes.preceding_;
        } else {
            from.tail = lanes.preceding_;
        }
    }
    if (from.head != nullptr) {
        return;
    }
    from.tail = nullptr;
    filled_slots_[group] &= ~(std::uint64_t{1} << index);
    const std::uint64_t filled = filled_slots_[group];
    if (filled == 0) {
        filled_groups_ &= ~(std::uint64_t{1} << group);
        return;
    }
    const int first = static_cast<int>(slot_index(fronts_[group], shift));
    const auto empty = static_cast<virtual_span>(std::countr_zero(std::rotr(filled, first)));
    fronts_[group] = advanced(fronts_[group], empty << shift);
}

}  // namespace drama::inline v0
