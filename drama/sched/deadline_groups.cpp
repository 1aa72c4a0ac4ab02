// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/deadline_groups.hpp"

namespace drama::inline v0 {

void deadline_groups::insert(lane_set& lanes, virtual_time position,
                             virtual_span request) noexcept {
    // A newcomer may be further behind its group's last slot than the slots reach. Standing late it
    // could miss its turn; a coarser group only rounds its deadline.
    std::size_t group = group_of(request);
    bool reached = reaches(group, position);
    while (!reached && group + 2 < group_count) {
        group += 2;
        reached = reaches(group, position);
    }
    const int shift = shift_of(group);
    virtual_time start = aligned(position, shift);
    if (filled_slots_[group] == 0) {
        filled_groups_ |= std::uint64_t{1} << group;
        fronts_[group] = start;
    } else if (before(start, fronts_[group])) {
        start = reached ? start : fronts_[group];
        fronts_[group] = start;
    } else {
        const virtual_time last =
            advanced(fronts_[group], static_cast<virtual_span>(slot_count - 1) << shift);
        start = before(last, start) ? last : start;
    }
    lanes.group_ = static_cast<std::uint8_t>(group);
    lanes.slot_start_ = start;
    lanes.following_ = nullptr;
    const std::size_t index = slot_index(start, shift);
    slot& into = slots_[group][index];
    if (into.head == nullptr) {
        filled_slots_[group] |= std::uint64_t{1} << index;
        into.head = into.tail = &lanes;
    } else {
        lanes.preceding_ = into.tail;
        into.tail->following_ = &lanes;
        into.tail = &lanes;
    }
}

bool deadline_groups::reaches(std::size_t group, virtual_time position) const noexcept {
    if (filled_slots_[group] == 0) {
        return true;
    }
    const int shift = shift_of(group);
    const std::int64_t behind = gap(fronts_[group], aligned(position, shift)) >> shift;
    if (behind <= 0) {
        return true;
    }
    const std::uint64_t from_front =
        std::rotr(filled_slots_[group], static_cast<int>(slot_index(fronts_[group], shift)));
    return behind + std::bit_width(from_front) <= static_cast<std::int64_t>(slot_count);
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
