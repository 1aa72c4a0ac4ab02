// SPDX-License-Identifier: Apache-2.0
// All schedules with few deviations from one default: a thread runs until it waits, then the one
// with the lowest number. First none, then every single one, then every pair, and so on: most bugs
// need very few.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <unordered_set>
#include <vector>

#include "drama/sim/explore/search_step.hpp"

namespace drama::inline v0 {

/// The default schedule with given deviations. Steps and wake-ups take no time of their own, so
/// that threads compete whenever they can.
class DRAMA_API bounded_schedule final : public schedule_strategy {
  public:
    explicit bounded_schedule(std::vector<preemption> deviations);

    std::size_t choose(std::span<internal::sim_thread* const> ready) noexcept override;
    std::int64_t delay_ns(schedule_delay, const internal::sim_thread&,
                          const duration_range&) noexcept override {
        return 0;
    }
    bool preempts(const internal::sim_thread& whose, std::uint32_t one_in) noexcept override;

    /// One choice that was made.
    struct decision {
        std::uint32_t options = 0;
        std::uint32_t by_default = 0;
    };
    const std::vector<decision>& made() const noexcept { return made_; }

  private:
    std::vector<preemption> deviations_;
    std::size_t next_ = 0;
    std::uint64_t last_ = 0;  // the thread that ran
    std::vector<decision> made_;
};

/// Yields the deviations to try, fewest first. Deterministic.
class DRAMA_API bounded_search {
  public:
    /// Lists that wait to be tried; what comes beyond is dropped and counted.
    static constexpr std::size_t waiting_max = 200'000;
    /// Runs that are remembered; one like a run beyond them is followed again.
    static constexpr std::size_t seen_max = 200'000;

    explicit bounded_search(std::uint32_t deviations_max);

    bool is_over() const noexcept { return waiting_.empty(); }
    /// Requires: not over.
    std::vector<preemption> take();
    /// What the run of the list taken last was like: its choices, and its event hash, by which
    /// runs that turn out the same are followed only once.
    void note(std::span<const bounded_schedule::decision> made, std::uint64_t hash);
    std::uint64_t dropped() const noexcept { return dropped_; }

  private:
    const std::uint32_t deviations_max_;
    std::vector<preemption> taken_;
    std::deque<std::vector<preemption>> waiting_;
    std::unordered_set<std::uint64_t> seen_;
    std::uint64_t dropped_ = 0;
};

}  // namespace drama::inline v0
