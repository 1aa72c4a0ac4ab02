// SPDX-License-Identifier: Apache-2.0
// Lane sets ordered for EEVDF in constant time, after QFQ (Checconi, Rizzo, Valente 2013): groups
// of similar request length, and in a group slots of similar position. The front of each group is
// all that a choice looks at; rounding is relative to a tenant's own request, whatever its weight.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdint>
#include <memory>

#include "drama/base/export.hpp"
#include "drama/sched/lane_set.hpp"
#include "drama/sched/virtual_time.hpp"

namespace drama::inline v0 {

/// Lane sets by position and virtual deadline.
///
/// A group holds requests of one half octave. Its 64 slots are an eighth to a sixteenth of a
/// request wide and start at the front one; what lies beyond is kept in the last slot and sorted
/// anew when that comes to the front, which is also how a position that has moved on is noticed.
///
/// Complexity: O(1), choices O(groups in use), at most 64. Never allocates after construction.
/// Threads:    the caller's lock. Ownership: links lane sets and owns none.
class DRAMA_API deadline_groups {
  public:
    deadline_groups() : slots_(std::make_unique<slots_of_group[]>(group_count)) {}

    bool empty() const noexcept { return filled_groups_ == 0; }

    /// Requires: `lanes` is in no group.
    void insert(lane_set& lanes, virtual_time position, virtual_span request) noexcept;
    /// Requires: `lanes` is in a group here.
    void remove(lane_set& lanes) noexcept;

    /// The first of the group with the earliest deadline of those whose front is not ahead of
    /// `clock`, or nullptr.
    lane_set* first_eligible(virtual_time clock) const noexcept {
        const int group = best(clock).group;
        return group < 0 ? nullptr : front_of(static_cast<std::size_t>(group));
    }
    /// That deadline, rounded, or no_deadline.
    virtual_time earliest(virtual_time clock) const noexcept { return best(clock).deadline; }
    /// The one least ahead of the clock, or nullptr.
    lane_set* least_ahead() const noexcept { return empty() ? nullptr : front_of(least_group()); }

    /// The least front, rounded down. Requires: not empty.
    virtual_time least() const noexcept { return fronts_[least_group()]; }

    /// Asks for the cache lines of what stands behind `lanes`, which will be chosen soon: all that
    /// a turn of the next one touches, and the lane set behind it, which says where its own are.
    static void prefetch_following(const lane_set& lanes) noexcept {
        if (const lane_set* const next = lanes.following_) {
            next->prefetch_turn();
            if (const lane_set* const later = next->following_) {
                later->prefetch();
            }
        }
    }

    /// True if `lanes` has moved on to another slot since it was inserted.
    bool is_stale(const lane_set& lanes, virtual_time position) const noexcept {
        return gap(aligned(position, shift_of(lanes.group_)), lanes.slot_start_) > 0;
    }

  private:
    static constexpr std::size_t group_count = 64;
    static constexpr std::size_t slot_count = 64;
    static constexpr int octave_least = 10;  // requests below 2^10 units are one group
    static constexpr int slots_per_octave_log2 = 3;

    struct slot {
        lane_set* head = nullptr;
        lane_set* tail = nullptr;
    };
    using slots_of_group = std::array<slot, slot_count>;

    struct choice {
        int group = -1;
        virtual_time deadline = no_deadline;
    };

    static std::size_t group_of(virtual_span request) noexcept {
        const auto bounded =
            std::clamp<std::uint64_t>(static_cast<std::uint64_t>(request), 1U << octave_least,
                                      (std::uint64_t{1} << (octave_least + 32)) - 1);
        const int octave = std::bit_width(bounded) - 1;
        const auto half = static_cast<std::size_t>((bounded >> (octave - 1)) & 1);
        return static_cast<std::size_t>(octave - octave_least) * 2 + half;
    }
    static int shift_of(std::size_t group) noexcept {
        return octave_least + static_cast<int>(group / 2) - slots_per_octave_log2;
    }
    /// The longest request of a group.
    static virtual_span request_of(std::size_t group) noexcept {
        return (3 + static_cast<virtual_span>(group & 1)) << (octave_least - 1 + group / 2);
    }
    static virtual_time aligned(virtual_time position, int shift) noexcept {
        return position & ~((virtual_time{1} << shift) - 1);
    }
    static std::size_t slot_index(virtual_time start, int shift) noexcept {
        return static_cast<std::size_t>(static_cast<std::uint64_t>(start) >> shift) % slot_count;
    }

    /// True if `position` is not so far behind the last filled slot that the slots would overlap.
    bool reaches(std::size_t group, virtual_time position) const noexcept;
    lane_set* front_of(std::size_t group) const noexcept {
        return slots_[group][slot_index(fronts_[group], shift_of(group))].head;
    }
    std::size_t least_group() const noexcept {
        auto found = static_cast<std::size_t>(std::countr_zero(filled_groups_));
        for (std::uint64_t left = filled_groups_ & (filled_groups_ - 1); left != 0;
             left &= left - 1) {
            const auto group = static_cast<std::size_t>(std::countr_zero(left));
            found = before(fronts_[group], fronts_[found]) ? group : found;
        }
        return found;
    }
    choice best(virtual_time clock) const noexcept {
        // Which group wins is hard to predict: no branch depends on it.
        virtual_span least = INT64_MAX;
        int found = -1;
        for (std::uint64_t left = filled_groups_; left != 0; left &= left - 1) {
            const int group = std::countr_zero(left);
            const auto index = static_cast<std::size_t>(group);
            const virtual_span behind = gap(clock, fronts_[index]);
            const virtual_span due = behind < 0 ? INT64_MAX : request_of(index) - behind;
            found = due < least ? group : found;
            least = std::min(due, least);
        }
        return {found, found < 0 ? no_deadline : advanced(clock, least)};
    }

    std::uint64_t filled_groups_ = 0;
    std::array<virtual_time, group_count> fronts_{};         // where the first filled slot starts
    std::array<std::uint64_t, group_count> filled_slots_{};  // by slot_index
    std::unique_ptr<slots_of_group[]> slots_;
};

}  // namespace drama::inline v0
