// SPDX-License-Identifier: Apache-2.0
// A schedule as a list of deviations from the plainest one: run on until you wait, wake at once,
// never lose the CPU. Recorded from any strategy, played back whole or in part: what a failure does
// not need is left out until little remains.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "drama/sim/explore/schedule_strategy.hpp"

namespace drama::inline v0 {

/// What a strategy was asked.
enum class question : std::uint8_t { choose, wake, step, preemption, preempts };

/// One answer that is not the plainest.
struct deviation {
    question asked{};
    std::uint64_t thread = 0;  ///< about whom; 0: about all that are ready
    std::uint64_t number = 0;  ///< the how manieth question of that kind about that thread, from 0
    std::int64_t answer = 0;   ///< choose: the thread's number; preempts: 1; else nanoseconds

    friend bool operator==(const deviation&, const deviation&) = default;
};

namespace internal {
/// Counts questions by kind and thread.
class question_count {
  public:
    std::uint64_t next(question asked, std::uint64_t thread);

  private:
    std::vector<std::uint64_t> counts_;
};
}  // namespace internal

/// Asks another strategy and notes where it deviates.
class DRAMA_API recording_schedule final : public schedule_strategy {
  public:
    explicit recording_schedule(schedule_strategy& asked) noexcept : inner_(asked) {}

    std::size_t choose(std::span<internal::sim_thread* const> ready) noexcept override;
    std::int64_t delay_ns(schedule_delay what, const internal::sim_thread& whose,
                          const duration_range& range) noexcept override;
    bool preempts(const internal::sim_thread& whose, std::uint32_t one_in) noexcept override;

    bool is_fair() const noexcept override { return inner_.is_fair(); }

    const std::vector<deviation>& deviations() const noexcept { return seen_; }

  private:
    schedule_strategy& inner_;
    std::uint64_t last_ = 0;
    internal::question_count count_;
    std::vector<deviation> seen_;
};

/// The plainest schedule but for given deviations.
class DRAMA_API deviating_schedule final : public schedule_strategy {
  public:
    explicit deviating_schedule(std::span<const deviation> from);

    std::size_t choose(std::span<internal::sim_thread* const> ready) noexcept override;
    std::int64_t delay_ns(schedule_delay what, const internal::sim_thread& whose,
                          const duration_range& range) noexcept override;
    bool preempts(const internal::sim_thread& whose, std::uint32_t one_in) noexcept override;

  private:
    struct key {
        question asked;
        std::uint64_t thread;
        std::uint64_t number;
        friend auto operator<=>(const key&, const key&) = default;
    };
    const std::int64_t* find(question asked, std::uint64_t thread);

    std::map<key, std::int64_t> answers_;
    std::uint64_t last_ = 0;
    internal::question_count count_;
};

/// "choose 12: thread 3", for reports.
DRAMA_API std::string to_text(const deviation& from);

}  // namespace drama::inline v0
