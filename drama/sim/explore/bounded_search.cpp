// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/explore/bounded_search.hpp"

#include <algorithm>
#include <utility>

#include "drama/sim/internal/sim_scheduler.hpp"

namespace drama::inline v0 {
namespace {

// The position of the thread that has `rank` others of lower number.
std::size_t find_rank(std::span<internal::sim_thread* const> ready, std::size_t rank) noexcept {
    for (std::size_t i = 0; i < ready.size(); ++i) {
        const auto lower = std::ranges::count_if(
            ready, [&](const internal::sim_thread* other) { return other->id < ready[i]->id; });
        if (static_cast<std::size_t>(lower) == rank) {
            return i;
        }
    }
    return 0;
}

}  // namespace

bounded_schedule::bounded_schedule(std::vector<preemption> deviations)
    : deviations_(std::move(deviations)) {
}

std::size_t bounded_schedule::choose(std::span<internal::sim_thread* const> ready) noexcept {
    std::uint32_t chosen = 0;
    std::uint32_t before_last = 0;
    bool is_last_ready = false;
    for (const internal::sim_thread* const each : ready) {
        before_last += each->id < last_ ? 1 : 0;
        is_last_ready = is_last_ready || each->id == last_;
    }
    chosen = is_last_ready ? before_last : 0;
    const auto number = static_cast<std::uint32_t>(made_.size());
    made_.push_back({static_cast<std::uint32_t>(ready.size()), chosen});
    if (next_ < deviations_.size() && deviations_[next_].decision == number) {
        chosen = std::min(deviations_[next_].choice, static_cast<std::uint32_t>(ready.size()) - 1);
        ++next_;
    }
    return find_rank(ready, chosen);
}

bool bounded_schedule::preempts(const internal::sim_thread& whose, std::uint32_t) noexcept {
    last_ = whose.id;
    return false;
}

bounded_search::bounded_search(std::uint32_t deviations_max) : deviations_max_(deviations_max) {
    waiting_.emplace_back();
}

std::vector<preemption> bounded_search::take() {
    taken_ = std::move(waiting_.front());
    waiting_.pop_front();
    return taken_;
}

void bounded_search::note(std::span<const bounded_schedule::decision> made, std::uint64_t hash) {
    const bool is_known =
        seen_.size() < seen_max ? !seen_.insert(hash).second : seen_.contains(hash);
    if (is_known || taken_.size() >= deviations_max_) {
        return;
    }
    const std::uint32_t first = taken_.empty() ? 0 : taken_.back().decision + 1;
    for (std::uint32_t at = first; at < made.size(); ++at) {
        for (std::uint32_t choice = 0; choice < made[at].options; ++choice) {
            if (choice == made[at].by_default) {
                continue;
            }
            if (waiting_.size() >= waiting_max) {
                ++dropped_;
                continue;
            }
            waiting_.push_back(taken_);
            waiting_.back().push_back({at, choice});
        }
    }
}

}  // namespace drama::inline v0
