// SPDX-License-Identifier: Apache-2.0
// What a crash leaves is made from the durable bytes by going through the unsynced changes once
// more, in order:
//  - of a write each sector is kept or lost on its own, so a later one may be kept without an
//    earlier one, and a write may be torn anywhere between two sectors;
//  - changes of the size are kept up to a point: a file system orders them within a file. So a file
//    may have its new length and not its bytes, which are zero then;
//  - beyond a shortening that is lost nothing counts: it went to room that the file does not have.
#include "drama/sim/disk/internal/file_content.hpp"

#include <algorithm>
#include <utility>

namespace drama::inline v0::internal {

void file_content::write(std::size_t at, std::span<const std::byte> from) {
    if (from.empty()) {
        return;
    }
    change made;
    made.size_before = seen_.size();
    seen_.resize(std::max(seen_.size(), at + from.size()));
    std::ranges::copy(from, seen_.begin() + static_cast<std::ptrdiff_t>(at));
    made.size_after = seen_.size();
    made.at = at / sector * sector;
    const std::size_t end =
        std::min(seen_.size(), (at + from.size() + sector - 1) / sector * sector);
    const auto bytes = std::span(seen_).subspan(made.at, end - made.at);
    made.bytes.assign(bytes.begin(), bytes.end());
    add(std::move(made));
}

void file_content::resize(std::size_t size) {
    if (size == seen_.size()) {
        return;
    }
    change made;
    made.is_resize = true;
    made.size_before = seen_.size();
    made.size_after = size;
    seen_.resize(size);
    add(std::move(made));
}

void file_content::add(change made) {
    made.number = ++changes_;
    unsynced_.push_back(std::move(made));
    if (unsynced_.size() > unsynced_max) {
        apply(durable_, unsynced_.front());
        unsynced_.pop_front();
    }
}

void file_content::apply(std::vector<std::byte>& to, const change& what) {
    if (what.is_resize) {
        to.resize(what.size_after);
        return;
    }
    to.resize(std::max(to.size(), what.at + what.bytes.size()));
    std::ranges::copy(what.bytes, to.begin() + static_cast<std::ptrdiff_t>(what.at));
}

void file_content::sync(std::uint64_t last, bool keeps_stale) {
    if (keeps_stale && !unsynced_.empty()) {
        stale_ = durable_;
    }
    while (!unsynced_.empty() && unsynced_.front().number <= last) {
        apply(durable_, unsynced_.front());
        unsynced_.pop_front();
    }
}

std::size_t file_content::size_changes() const noexcept {
    return static_cast<std::size_t>(
        std::ranges::count_if(unsynced_, [](const change& each) { return each.changes_size(); }));
}

std::size_t file_content::sectors_unsynced() const noexcept {
    std::size_t sum = 0;
    for (const change& each : unsynced_) {
        sum += each.sectors();
    }
    return sum;
}

/// `keeps(change's index, number of the sector in the file)` says whether that sector is kept; of
/// the changes of the size the first `size_changes` are.
template <class Keeps>
void file_content::replay(std::vector<std::byte>& onto, std::size_t size_changes,
                          Keeps keeps) const {
    for (std::size_t index = 0; index != unsynced_.size(); ++index) {
        const change& each = unsynced_[index];
        if (each.changes_size()) {
            if (size_changes != 0) {
                --size_changes;
                onto.resize(each.size_after);
            } else if (each.size_after < each.size_before) {
                return;
            }
        }
        for (std::size_t done = 0; done < each.bytes.size(); done += sector) {
            const std::size_t at = each.at + done;
            if (at >= onto.size() || !keeps(index, at / sector)) {
                continue;
            }
            const std::size_t count =
                std::min({sector, each.bytes.size() - done, onto.size() - at});
            std::copy_n(each.bytes.begin() + static_cast<std::ptrdiff_t>(done), count,
                        onto.begin() + static_cast<std::ptrdiff_t>(at));
        }
    }
}

void file_content::lose_unsynced(prng& random) {
    if (unsynced_.empty()) {
        return;
    }
    const bool keeps_some = random.below(2) == 0;
    // One sector is lost for certain: of those that the last write touched.
    std::size_t lost = 0;
    for (const change& each : unsynced_) {
        if (each.sectors() != 0) {
            lost = each.at / sector + random.below(each.sectors());
        }
    }
    const std::size_t sizes = keeps_some ? random.below(size_changes() + 1) : 0;
    replay(durable_, sizes, [&](std::size_t, std::size_t number) {
        return keeps_some && number != lost && random.below(2) == 0;
    });
    unsynced_.clear();
}

void file_content::crash(crash_law law, prng& random) {
    const std::size_t sizes = size_changes();
    switch (law) {
        case crash_law::nothing:
            break;
        case crash_law::everything:
            replay(durable_, sizes, [](std::size_t, std::size_t) { return true; });
            break;
        case crash_law::lengths_only:
            replay(durable_, sizes, [](std::size_t, std::size_t) { return false; });
            break;
        case crash_law::in_order: {
            const std::size_t whole = random.below(sectors_unsynced() + 1);
            std::size_t kept = 0;
            replay(durable_, random.below(sizes + 1),
                   [&](std::size_t, std::size_t) { return kept++ < whole; });
            break;
        }
        case crash_law::out_of_order:
        case crash_law::by_seed:
            replay(durable_, random.below(sizes + 1),
                   [&](std::size_t, std::size_t) { return random.below(2) == 0; });
            break;
    }
    unsynced_.clear();
    seen_ = durable_;
}

}  // namespace drama::inline v0::internal
