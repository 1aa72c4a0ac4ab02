// SPDX-License-Identifier: Apache-2.0
// Tenants under common weights, nesting. A group's members share what the group's weight gives it:
// a tenant counts with its own weight times one figure of its group, so that nobody's members are
// visited when one comes or goes; what flattening gets wrong is fed back every clock period.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "drama/base/atomic.hpp"
#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"

namespace drama::inline v0 {

/// A tree of groups with the weight of who is active in each.
///
/// Complexity: O(depth) a call, update() O(groups). Allocates in add() alone.
/// Threads:    add() before use, update() by one at a time, the rest from any.
class DRAMA_API share_groups {
  public:
    using group_id = std::uint32_t;
    static constexpr group_id root = 0;
    static constexpr std::size_t groups_max = 4096;

    /// `feeds_back`: without it, flattened weights alone decide; for comparison.
    explicit share_groups(bool feeds_back = true);

    /// Requires: `parent` is there; fewer than groups_max are.
    group_id add(double weight, group_id parent = root);

    /// A tenant of the group has work, or has no more.
    void join(group_id to, double weight) noexcept;
    void leave(group_id from, double weight) noexcept;
    /// The group has got service.
    void charge(group_id group, duration used) noexcept;
    /// What a member's own weight is to be multiplied by.
    double scale(group_id group) const noexcept;

    bool is_due(instant now) const noexcept {
        return now.time_since_epoch().count() >= next_ns_.load(std::memory_order_relaxed);
    }
    /// Compares what each group got with what was its due, and corrects its figure.
    void update(instant now) noexcept;

  private:
    struct group {
        double weight = 1;
        group_id parent = root;
        atomic<std::int64_t> active{0};    // weight of active members and groups, in 1/1024
        atomic<std::int64_t> received{0};  // ns since the last update
        double lag = 0;                    // ns that it is owed
        atomic<double> correction{1};
    };

    static std::int64_t fixed(double weight) noexcept;
    void change(group_id at, std::int64_t weight) noexcept;

    bool feeds_back_;
    std::deque<group> groups_;
    atomic<std::int64_t> next_ns_{0};
};

}  // namespace drama::inline v0
