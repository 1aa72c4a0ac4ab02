// SPDX-License-Identifier: Apache-2.0
// How full the process is: one level per resource from signals that the runtime owns, with
// hysteresis. All gates stand behind it. Pure policy: the caller passes the time and the signals.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"
#include "drama/base/work.hpp"

namespace drama::inline v0 {

/// What gates, operators and load balancers see. Level 1 means: at the target.
struct saturation_state {
    std::array<double, resources> level{};  ///< 0..1 of each resource; `net` has no signal yet
    double process = 0;                     ///< the highest of them
    resource cause = resource::cpu;         ///< which one that is
    bool is_over = false;                   ///< gates hold back; see `saturation`
    duration delay_max{};  ///< queueing delay that a tenant may have and still be admitted
};

/// One look at the runtime.
struct saturation_signals {
    std::size_t async_queued = 0;   ///< tasks that could run
    std::uint64_t polls = 0;        ///< since the start
    duration blocking_wait{};       ///< of the head of the blocking queue
    duration disk_wait{};           ///< of the head of the runtime's own file operations
    double memory = 0;              ///< tasks alive of `tasks_max`
    bool is_blocking_full = false;  ///< the blocking pool cannot grow
};

/// Constants, as algorithms of overload control recommend them.
struct saturation_targets {
    duration standing_queue = std::chrono::milliseconds(50);  ///< CoDel: judged by its minimum
    duration sample_period = std::chrono::milliseconds(10);
    duration interval = std::chrono::milliseconds(100);
    duration delay_floor = std::chrono::milliseconds(10);  ///< a tenant below it is never refused
    duration delay_ceiling = std::chrono::seconds(1);
    duration delay_step = std::chrono::milliseconds(20);
    duration accept_trickle = std::chrono::milliseconds(10);  ///< between accepts while over
};

/// Each 100 ms the queues' minimum over that interval is judged, so that bursts do not count:
/// - a level of 1 turns the state to over; two intervals with all levels under 0.5 turn it back;
/// - over shrinks the delay that tenants may have (x 0.7, down to 10 ms), normal lets it grow
///   (+ 20 ms, up to 1 s): decrease fast, recover slowly.
/// So a tenant that keeps its backlog short is never refused because of others.
///
/// Source:  CoDel (minimum over an interval), DAGOR and Breakwater (act on queueing delay).
/// Threads: sample by one; the rest by any.
class DRAMA_API saturation {
  public:
    explicit saturation(const saturation_targets& targets = {}) noexcept;

    bool is_due(instant now) const noexcept { return now - sampled_ >= targets_.sample_period; }
    void sample(const saturation_signals& seen, instant now) noexcept;

    bool is_over() const noexcept { return over_.load(std::memory_order_relaxed); }
    duration delay_max() const noexcept {
        return duration(delay_max_ns_.load(std::memory_order_relaxed));
    }
    /// How long an accept had better wait before it takes the next connection; zero: not at all.
    duration accept_pause() const noexcept {
        return is_over() ? targets_.accept_trickle : duration::zero();
    }
    saturation_state read() const noexcept;

  private:
    /// The smallest values of the interval that runs.
    struct lows {
        std::size_t async_queued = SIZE_MAX;
        duration blocking_wait = duration::max();
        duration disk_wait = duration::max();
        double memory = 1;
    };

    void begin(const saturation_signals& seen, instant now) noexcept;
    void judge(const saturation_signals& seen, instant now) noexcept;
    void set_state(double highest) noexcept;

    const saturation_targets targets_;
    instant sampled_ = long_ago;  // these are the sampler's own
    instant interval_began_ = long_ago;
    std::uint64_t polls_before_ = 0;
    lows low_;
    int calm_intervals_ = 0;

    std::array<std::atomic<double>, resources> level_{};
    std::atomic<bool> over_{false};
    std::atomic<std::int64_t> delay_max_ns_;
};

}  // namespace drama::inline v0
