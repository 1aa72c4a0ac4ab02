// SPDX-License-Identifier: Apache-2.0
// Strategies that draw schedules other than evenly, each good at another kind of bug: orders of few
// events (pos), few decisive preemptions (pct), long delays of one thread (starvation).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "drama/sim/explore/schedule_strategy.hpp"

namespace drama::inline v0 {

/// Partial order sampling: each step to come has a priority of its own, and the highest of the
/// ready ones goes first. So every order of two steps is about as likely as its reverse, however
/// many other steps there are.
class DRAMA_API partial_order_sampling final : public random_walk {
  public:
    explicit partial_order_sampling(std::uint64_t seed) noexcept : random_walk(seed) {}

    std::size_t choose(std::span<internal::sim_thread* const> ready) noexcept override;
    std::int64_t delay_ns(schedule_delay what, const internal::sim_thread& whose,
                          const duration_range& range) noexcept override;
    bool preempts(const internal::sim_thread& whose, std::uint32_t one_in) noexcept override;

  private:
    std::vector<std::uint64_t> priorities_;  // by thread; 0: to be drawn
};

/// PCT: each thread has a priority, and the highest of the ready ones goes first; at `depth` - 1
/// steps, drawn evenly over the logarithm of the run's length, the running one falls below all
/// others and is slow to wake from then on.
class DRAMA_API priority_changes final : public random_walk {
  public:
    priority_changes(std::uint64_t seed, std::uint32_t depth);

    std::size_t choose(std::span<internal::sim_thread* const> ready) noexcept override;
    std::int64_t delay_ns(schedule_delay what, const internal::sim_thread& whose,
                          const duration_range& range) noexcept override;
    bool preempts(const internal::sim_thread& whose, std::uint32_t one_in) noexcept override;

  private:
    std::uint64_t& priority_of(const internal::sim_thread& whose);

    std::vector<std::uint64_t> priorities_;  // by thread; 0: to be drawn
    std::vector<std::uint64_t> change_at_;   // steps, the last one first
    std::uint64_t steps_ = 0;
};

/// All threads in step: the one that is ready for longest goes first, nobody loses its CPU, and
/// what is alike takes equally long. No schedule is fairer, and two that get in each other's way
/// for the same time go on doing so.
class DRAMA_API lockstep final : public random_walk {
  public:
    explicit lockstep(std::uint64_t seed) noexcept;

    std::size_t choose(std::span<internal::sim_thread* const> ready) noexcept override;
    std::int64_t delay_ns(schedule_delay what, const internal::sim_thread& whose,
                          const duration_range& range) noexcept override;
    bool preempts(const internal::sim_thread& whose, std::uint32_t one_in) noexcept override;
    bool is_fair() const noexcept override { return true; }

  private:
    std::int64_t halves_;  // of its range that each delay takes
};

/// A walk in which now and then one thread is held back: for a window of steps, short or long, it
/// is chosen last and wakes late.
class DRAMA_API starvation_bursts final : public random_walk {
  public:
    explicit starvation_bursts(std::uint64_t seed) noexcept;

    std::size_t choose(std::span<internal::sim_thread* const> ready) noexcept override;
    std::int64_t delay_ns(schedule_delay what, const internal::sim_thread& whose,
                          const duration_range& range) noexcept override;
    bool preempts(const internal::sim_thread& whose, std::uint32_t one_in) noexcept override;

  private:
    void plan_next() noexcept;
    bool is_held_back(const internal::sim_thread& whose) const noexcept;

    std::uint64_t victim_ = 0;
    std::uint64_t begins_ = 0;  // steps
    std::uint64_t ends_ = 0;
    std::uint64_t steps_ = 0;
};

}  // namespace drama::inline v0
