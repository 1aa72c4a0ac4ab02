// SPDX-License-Identifier: Apache-2.0
// Lane sets ordered by a virtual time: a 4-ary heap that keeps the keys beside each other, so that
// sifting reads few cache lines, and tells each lane set its index, so that any can be taken out.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "drama/base/assert.hpp"
#include "drama/sched/lane_set.hpp"

namespace drama::inline v0 {

/// Min-heap by key. A lane set is in at most one heap.
///
/// Complexity: O(log4 n); allocates only in reserve(). Threads: the caller's lock.
class virtual_heap {
  public:
    struct entry {
        virtual_time key;
        lane_set* lanes;
    };

    bool empty() const noexcept { return entries_.empty(); }
    std::size_t size() const noexcept { return entries_.size(); }
    const entry& front() const noexcept { return entries_.front(); }
    /// The entry at `index`; entries near the front of the array have small keys.
    const entry& at(std::size_t index) const noexcept { return entries_[index]; }

    /// Makes room for `count` entries in all; at least doubles.
    void reserve(std::size_t count) {
        if (count > entries_.capacity()) {
            entries_.reserve(std::max<std::size_t>({64, count, entries_.capacity() * 2}));
        }
    }

    /// Requires: reserve() made room; `lanes` is in no heap.
    void insert(lane_set& lanes, virtual_time key) noexcept {
        DRAMA_ASSERT(entries_.size() < entries_.capacity(), "no room was reserved");
        entries_.push_back({});
        sift_up(entries_.size() - 1, {key, &lanes});
    }
    /// Requires: not empty.
    void pop() noexcept { remove_at(0); }
    /// Requires: `lanes` is in this heap.
    void remove(lane_set& lanes) noexcept { remove_at(lanes.heap_index_); }
    /// Gives `lanes`, which is in this heap, another key.
    void change(lane_set& lanes, virtual_time key) noexcept {
        const std::size_t index = lanes.heap_index_;
        place(index, {key, &lanes});
    }

    /// Calls `visit` with up to `most` entries, each after the one above it, whose key is no
    /// larger; what is below an entry is left out where `visit` says false. Complexity: O(most).
    template <class Visit>
    void descend(std::size_t most, Visit visit) const {
        std::array<std::size_t, 64> left;  // 3 for each of at most 17 levels
        std::size_t count = 0;
        if (!empty()) {
            left[count++] = 0;
        }
        for (; count != 0 && most != 0; --most) {
            const std::size_t index = left[--count];
            if (!visit(entries_[index])) {
                continue;
            }
            const std::size_t first = index * arity + 1;
            for (std::size_t child = std::min(first + arity, size()); child > first; --child) {
                left[count++] = child - 1;
            }
        }
    }

  private:
    static constexpr std::size_t arity = 4;

    void put(std::size_t index, entry value) noexcept {
        entries_[index] = value;
        value.lanes->heap_index_ = static_cast<std::uint32_t>(index);
    }
    void remove_at(std::size_t index) noexcept {
        DRAMA_ASSERT(index < entries_.size(), "not in this heap");
        const entry last = entries_.back();
        entries_.pop_back();
        if (index < entries_.size()) {
            place(index, last);
        }
    }
    void place(std::size_t index, entry value) noexcept {
        if (index > 0 && before(value.key, entries_[(index - 1) / arity].key)) {
            sift_up(index, value);
        } else {
            sift_down(index, value);
        }
    }
    void sift_up(std::size_t index, entry value) noexcept {
        while (index > 0) {
            const std::size_t parent = (index - 1) / arity;
            if (!before(value.key, entries_[parent].key)) {
                break;
            }
            put(index, entries_[parent]);
            index = parent;
        }
        put(index, value);
    }
    void sift_down(std::size_t index, entry value) noexcept {
        const std::size_t count = entries_.size();
        for (;;) {
            const std::size_t first = index * arity + 1;
            if (first >= count) {
                break;
            }
            std::size_t least = first;
            const std::size_t end = std::min(first + arity, count);
            for (std::size_t child = first + 1; child < end; ++child) {
                least = before(entries_[child].key, entries_[least].key) ? child : least;
            }
            if (!before(entries_[least].key, value.key)) {
                break;
            }
            put(index, entries_[least]);
            index = least;
        }
        put(index, value);
    }

    std::vector<entry> entries_;
};

}  // namespace drama::inline v0
