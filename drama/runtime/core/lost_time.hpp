// SPDX-License-Identifier: Apache-2.0
// What of a turn the kernel gave to other threads: no tenant had it, so none is charged for it.
#pragma once

#include <cstdint>

#include "drama/runtime/world/world.hpp"

namespace drama::inline v0::internal {

/// Compares the clock of one thread with the time that went by while it was not parked.
///
/// A turn is charged what the clock on the wall shows, less what is found here. Losses that do not
/// show within one long turn, and those of a thread that waited by itself (a lock, a file, a page)
/// are not found: who keeps a core waiting pays for it.
/// Threads: the worker's own. Cost: a comparison a turn, two system calls each half millisecond.
class lost_time {
  public:
    /// The thread parks; what comes until go_on() counts for nothing.
    void park(instant now) noexcept {
        parked_at_ = now;
        ++parks_;
    }
    void go_on(instant now) noexcept {
        if (parked_at_ != long_ago) {
            base_at_ += now - parked_at_;
            parked_at_ = long_ago;
        }
    }
    /// The thread did something else: what was seen before tells nothing.
    void forget() noexcept { base_at_ = long_ago; }

    /// What others had of a turn of `used` that ends `now`; never all of it.
    duration of_turn(duration used, instant now, const world& in) noexcept {
        if (used < long_turn && now - base_at_ < looks_apart) [[likely]] {
            return duration::zero();
        }
        return look(used, now, in);
    }

  private:
    static constexpr duration long_turn = std::chrono::microseconds(200);
    static constexpr duration looks_apart = std::chrono::microseconds(500);
    static constexpr duration least = std::chrono::microseconds(20);

    [[gnu::noinline]] duration look(duration used, instant now, const world& in) noexcept;

    instant base_at_ = long_ago;  // of the last look, later by the parks since
    duration base_cpu_{};
    std::uint64_t base_waits_ = 0;
    std::uint64_t parks_ = 0;  // since the last look
    instant parked_at_ = long_ago;
};

}  // namespace drama::inline v0::internal
