// SPDX-License-Identifier: Apache-2.0
// Finds runs in which things happen and nothing comes of it. Steps alone prove nothing: faults and
// an unfair schedule may keep a program that is right from getting anywhere. So a run that stood
// still for long goes on without faults for three times as long before it is judged, and as long as
// something is due that was asked for before: who polls waits for a timer of somebody else.
#pragma once

#include <algorithm>
#include <cstdint>

#include "drama/base/clock.hpp"

namespace drama::inline v0 {

/// When a run stands still.
struct livelock_patience {
    /// How many steps without a mark are long.
    std::uint64_t steps = 100'000;
    /// So many items, bytes and ends of tasks are progress; who goes on after them passes the same
    /// things to and fro.
    std::uint64_t marks = 300'000;
};

/// Fed with the progress marks of a run. Threads: one.
class livelock_watch {
  public:
    explicit livelock_watch(const livelock_patience& patience = {}) noexcept
        : patience_(patience) {}

    enum class finding : std::uint8_t {
        none,
        calm_down,  ///< said once: the faults shall end, the schedule be fair
        livelock,
    };

    /// Before each step. Complexity: some comparisons.
    finding look(std::uint64_t marks, std::uint64_t steps, instant now = long_ago) noexcept {
        if (marks != marks_ && marks_ < patience_.marks) {
            marks_ = std::min(marks, patience_.marks);
            stands_since_ = steps;
            stood_at_ = now;
            is_calm_ = false;
            return finding::none;
        }
        const std::uint64_t stood = steps - stands_since_;
        if (stood < patience_.steps) {
            return finding::none;
        }
        if (!is_calm_) {
            is_calm_ = true;
            calm_since_ = steps;
            due_ = long_ago;
            return finding::calm_down;
        }
        if (now < due_ && stood < spare_steps * patience_.steps) {
            calm_since_ = steps;
            return finding::none;
        }
        return steps - calm_since_ < calm_steps * patience_.steps ? finding::none
                                                                  : finding::livelock;
    }

    /// When it said calm_down: what is due later than this comes too late for a run that goes on
    /// at this pace.
    instant horizon(instant now) const noexcept {
        const auto pace = now - stood_at_;
        constexpr auto times = static_cast<std::int64_t>(spare_steps);
        return pace > duration::max() / times ? never : saturating_add(now, pace * times);
    }
    /// Nothing is judged before `due`, the last that is due within the horizon.
    void wait_until(instant due) noexcept { due_ = due; }

  private:
    static constexpr std::uint64_t calm_steps = 3;
    static constexpr std::uint64_t spare_steps = 20;

    livelock_patience patience_;
    std::uint64_t marks_ = 0;
    std::uint64_t stands_since_ = 0;
    std::uint64_t calm_since_ = 0;  // or since what was due has come
    instant stood_at_ = long_ago;
    instant due_ = long_ago;
    bool is_calm_ = false;
};

}  // namespace drama::inline v0
