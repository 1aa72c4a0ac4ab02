// SPDX-License-Identifier: Apache-2.0
// A wall clock of a simulated world: it is off, runs at a speed of its own, and is set now and
// then.
#pragma once

#include <cstdint>

#include "drama/runtime/world/wall_time.hpp"

namespace drama::inline v0::internal {

/// Threads: as the world.
class sim_wall_clock final : public wall_source {
  public:
    /// `now_ns`: the world's time. Lifetime: it outlives the clock.
    explicit sim_wall_clock(const std::int64_t* now_ns) noexcept : now_ns_(now_ns) {}

    wall_instant read() noexcept override {
        const duration passed(*now_ns_ - since_ns_);
        return true_now() + off_ + passed / 1'000'000 * drift_ppm_;
    }
    void set_by(duration by) noexcept override { off_ += by; }
    /// From now on it is fast by so much.
    void drift(std::int64_t ppm) noexcept {
        off_ = read() - true_now();
        since_ns_ = *now_ns_;
        drift_ppm_ = ppm;
    }
    /// What right clocks say: simulated worlds began with 2030.
    wall_instant true_now() const noexcept {
        return wall_instant(std::chrono::sys_days(std::chrono::year(2030) / 1 / 1)) +
               duration(*now_ns_);
    }

  private:
    const std::int64_t* now_ns_;
    duration off_{};
    std::int64_t drift_ppm_ = 0;
    std::int64_t since_ns_ = 0;
};

}  // namespace drama::inline v0::internal
