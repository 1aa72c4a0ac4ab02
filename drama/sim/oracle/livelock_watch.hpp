// SPDX-License-Identifier: Apache-2.0
// Finds runs in which things happen and nothing comes of it. Steps alone prove nothing: faults and
// an unfair schedule may keep a program that is right from getting anywhere. So a run that stood
// still for long goes on without faults for three times as long before it is judged.
#pragma once

#include <cstdint>

namespace drama::inline v0 {

/// Fed with the progress marks of a run. Threads: one.
class livelock_watch {
  public:
    /// `steps_most`: how many steps without a mark are long.
    explicit livelock_watch(std::uint64_t steps_most = 100'000) noexcept
        : steps_most_(steps_most) {}

    enum class finding : std::uint8_t {
        none,
        calm_down,  ///< said once: the faults shall end, the schedule be fair
        livelock,
    };

    /// Before each step. Complexity: a comparison.
    finding look(std::uint64_t marks, std::uint64_t steps) noexcept {
        if (marks != marks_) {
            marks_ = marks;
            stands_since_ = steps;
            is_calm_ = false;
            return finding::none;
        }
        const std::uint64_t stood = steps - stands_since_;
        if (stood < steps_most_) {
            return finding::none;
        }
        if (!is_calm_) {
            is_calm_ = true;
            return finding::calm_down;
        }
        return stood < 4 * steps_most_ ? finding::none : finding::livelock;
    }

  private:
    std::uint64_t steps_most_;
    std::uint64_t marks_ = 0;
    std::uint64_t stands_since_ = 0;
    bool is_calm_ = false;
};

}  // namespace drama::inline v0
