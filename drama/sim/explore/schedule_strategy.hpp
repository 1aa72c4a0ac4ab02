// SPDX-License-Identifier: Apache-2.0
// Who of several ready threads runs next, and how long wake-ups and steps take: everything that a
// simulated scheduler leaves open, asked here so that a search may decide it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "drama/base/prng.hpp"
#include "drama/sim/sim_options.hpp"

namespace drama::inline v0 {

namespace internal {
struct sim_thread;
}

/// What a strategy is asked the length of.
enum class schedule_delay : std::uint8_t {
    wake,        ///< from an unpark or a timeout until the thread runs
    step,        ///< what a step costs its thread
    preemption,  ///< how long a thread is off its CPU after a step
};

/// The answers to what a simulated scheduler leaves open. Each question is a decision; a run is
/// determined by its seed and by the answers, in order.
///
/// Threads: whoever runs the simulation, one at a time. Lifetime: that of the world, at least.
/// Determinism: an answer depends on the strategy's own state and on what it is told, nothing else.
class DRAMA_API schedule_strategy {
  public:
    virtual ~schedule_strategy() = default;

    /// Which of `ready`, at least two, runs next.
    virtual std::size_t choose(std::span<internal::sim_thread* const> ready) noexcept = 0;
    /// Units: nanoseconds; by itself between the two ends of `range`.
    virtual std::int64_t delay_ns(schedule_delay what, const internal::sim_thread& whose,
                                  const duration_range& range) noexcept = 0;
    /// True if `whose` loses its CPU after the step that has just ended. Asked after every step;
    /// `one_in` is how often the options want it, 0: never.
    virtual bool preempts(const internal::sim_thread& whose, std::uint32_t one_in) noexcept = 0;
    /// Nobody waits for long while others run: a run that gets nowhere under it may be judged.
    virtual bool is_fair() const noexcept { return false; }
};

/// Draws every answer uniformly: what a world does that was given no other strategy.
class DRAMA_API random_walk : public schedule_strategy {
  public:
    explicit random_walk(std::uint64_t seed) noexcept;

    std::size_t choose(std::span<internal::sim_thread* const> ready) noexcept override;
    std::int64_t delay_ns(schedule_delay what, const internal::sim_thread& whose,
                          const duration_range& range) noexcept override;
    bool preempts(const internal::sim_thread& whose, std::uint32_t one_in) noexcept override;

  protected:
    prng choice_;  // who comes next
    prng timing_;  // what things cost
};

}  // namespace drama::inline v0
