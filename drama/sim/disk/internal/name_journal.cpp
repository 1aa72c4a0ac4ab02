// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/disk/internal/name_journal.hpp"

#include <algorithm>
#include <utility>

namespace drama::inline v0::internal {

void name_journal::change(std::vector<name_change> together) {
    step made;
    made.number = ++count_;
    for (const name_change& each : together) {
        auto& stands_for = each.in->names[each.name];
        if (stands_for != nullptr && each.now == nullptr) {
            made.removed = stands_for;
        }
        stands_for = each.now;
        if (each.now == nullptr) {
            each.in->names.erase(each.name);
        }
    }
    made.changes = std::move(together);
    steps_.push_back(std::move(made));
    if (steps_.size() > steps_max) {
        apply(steps_.front());
        steps_.pop_front();
    }
}

void name_journal::apply(const step& made) {
    for (const name_change& each : made.changes) {
        if (each.now == nullptr) {
            each.in->durable_names.erase(each.name);
        } else {
            each.in->durable_names[each.name] = each.now;
        }
    }
}

void name_journal::sync(const file_node& directory, std::uint64_t last) {
    std::erase_if(steps_, [&](const step& each) {
        const bool is_due =
            each.number <= last && std::ranges::any_of(each.changes, [&](const name_change& one) {
                return one.in.get() == &directory;
            });
        if (is_due) {
            apply(each);
        }
        return is_due;
    });
}

// A directory that moves needs all before it: otherwise two of them could end up in each other.
bool name_journal::needs(const step& later, const step& earlier) noexcept {
    const file_node* const moved =
        later.changes.size() > 1 ? later.changes.back().now.get() : nullptr;
    if (moved != nullptr && moved->is_directory) {
        return true;
    }
    for (const name_change& one : later.changes) {
        for (const name_change& other : earlier.changes) {
            if (one.in == other.in && one.name == other.name) {
                return true;
            }
            if (other.now != nullptr && (other.now == one.now || other.now == later.removed)) {
                return true;
            }
        }
    }
    return false;
}

void name_journal::crash(crash_law law, prng& random) {
    const std::uint64_t first = law == crash_law::in_order ? random.below(steps_.size() + 1) : 0;
    std::vector<const step*> lost;
    for (std::size_t index = 0; index != steps_.size(); ++index) {
        const step& each = steps_[index];
        const bool is_chosen = law == crash_law::everything ||
                               (law == crash_law::in_order && index < first) ||
                               (law == crash_law::out_of_order && random.below(2) == 0);
        const bool is_kept = is_chosen && std::ranges::none_of(lost, [&](const step* earlier) {
                                 return needs(each, *earlier);
                             });
        if (is_kept) {
            apply(each);
        } else {
            lost.push_back(&each);
        }
    }
    lost.clear();
    steps_.clear();
}

}  // namespace drama::inline v0::internal
