// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/explore/sampling.hpp"

#include <algorithm>
#include <functional>

#include "drama/sim/internal/sim_scheduler.hpp"

namespace drama::inline v0 {
namespace {

constexpr std::uint64_t undemoted = std::uint64_t{1} << 63;
constexpr std::uint64_t steps_most_log = 13;  // runs of up to 8192 steps
constexpr std::uint64_t window_most_log = 10;
constexpr std::uint64_t starved_threads = 6;  // the first of a world: its workers are among them
constexpr std::int64_t late_most_ns = 5'000'000;

// Even over the logarithm: 1 to 2^most_log.
std::uint64_t draw_log(prng& random, std::uint64_t most_log) noexcept {
    const std::uint64_t upper = std::uint64_t{1} << random.below(most_log + 1);
    return upper / 2 + 1 + random.below(upper - upper / 2);
}

std::uint64_t& at_thread(std::vector<std::uint64_t>& of, const internal::sim_thread& whose) {
    if (of.size() <= whose.id) {
        of.resize(whose.id + 1);
    }
    return of[whose.id];
}

}  // namespace

std::size_t partial_order_sampling::choose(std::span<internal::sim_thread* const> ready) noexcept {
    std::size_t best = 0;
    std::uint64_t highest = 0;
    for (std::size_t i = 0; i < ready.size(); ++i) {
        std::uint64_t& mine = at_thread(priorities_, *ready[i]);
        if (mine == 0) {
            mine = 1 | choice_.next();
        }
        if (mine > highest) {
            highest = mine;
            best = i;
        }
    }
    return best;
}

// Half of the threads wake at once, so that more are ready together.
std::int64_t partial_order_sampling::delay_ns(schedule_delay what,
                                              const internal::sim_thread& whose,
                                              const duration_range& range) noexcept {
    return timing_.below(2) == 0 ? range.least.count() : random_walk::delay_ns(what, whose, range);
}

bool partial_order_sampling::preempts(const internal::sim_thread& whose,
                                      std::uint32_t one_in) noexcept {
    at_thread(priorities_, whose) = 0;  // its next step is another event
    return random_walk::preempts(whose, one_in);
}

priority_changes::priority_changes(std::uint64_t seed, std::uint32_t depth) : random_walk(seed) {
    for (std::uint32_t i = 1; i < depth; ++i) {
        change_at_.push_back(draw_log(choice_, steps_most_log));
    }
    std::ranges::sort(change_at_, std::greater());
}

std::uint64_t& priority_changes::priority_of(const internal::sim_thread& whose) {
    std::uint64_t& mine = at_thread(priorities_, whose);
    if (mine == 0) {
        mine = undemoted | choice_.next();
    }
    return mine;
}

std::size_t priority_changes::choose(std::span<internal::sim_thread* const> ready) noexcept {
    std::size_t best = 0;
    for (std::size_t i = 1; i < ready.size(); ++i) {
        if (priority_of(*ready[i]) > priority_of(*ready[best])) {
            best = i;
        }
    }
    return best;
}

std::int64_t priority_changes::delay_ns(schedule_delay what, const internal::sim_thread& whose,
                                        const duration_range& range) noexcept {
    if (what == schedule_delay::wake && priority_of(whose) < undemoted) {
        return range.most.count() + static_cast<std::int64_t>(timing_.below(
                                        16 * static_cast<std::uint64_t>(range.most.count()) + 1));
    }
    return what == schedule_delay::wake ? range.least.count()
                                        : random_walk::delay_ns(what, whose, range);
}

bool priority_changes::preempts(const internal::sim_thread& whose, std::uint32_t one_in) noexcept {
    ++steps_;
    while (!change_at_.empty() && change_at_.back() <= steps_) {
        change_at_.pop_back();
        priority_of(whose) = 1 + change_at_.size();
    }
    return random_walk::preempts(whose, one_in);
}

lockstep::lockstep(std::uint64_t seed) noexcept
    : random_walk(seed), halves_(static_cast<std::int64_t>(timing_.below(3))) {
}

std::size_t lockstep::choose(std::span<internal::sim_thread* const> ready) noexcept {
    const auto is_before = [](const internal::sim_thread* one, const internal::sim_thread* other) {
        return one->ready_since != other->ready_since ? one->ready_since < other->ready_since
                                                      : one->id < other->id;
    };
    return static_cast<std::size_t>(std::ranges::min_element(ready, is_before) - ready.begin());
}

std::int64_t lockstep::delay_ns(schedule_delay, const internal::sim_thread&,
                                const duration_range& range) noexcept {
    return range.least.count() + (range.most - range.least).count() * halves_ / 2;
}

bool lockstep::preempts(const internal::sim_thread&, std::uint32_t) noexcept {
    return false;
}

starvation_bursts::starvation_bursts(std::uint64_t seed) noexcept : random_walk(seed) {
    plan_next();
}

void starvation_bursts::plan_next() noexcept {
    victim_ = 1 + choice_.below(starved_threads);
    begins_ = steps_ + draw_log(choice_, steps_most_log - 2);
    ends_ = begins_ + draw_log(choice_, window_most_log);
}

bool starvation_bursts::is_held_back(const internal::sim_thread& whose) const noexcept {
    return whose.id == victim_ && steps_ >= begins_ && steps_ < ends_;
}

std::size_t starvation_bursts::choose(std::span<internal::sim_thread* const> ready) noexcept {
    const std::size_t drawn = random_walk::choose(ready);
    return is_held_back(*ready[drawn]) ? (drawn + 1) % ready.size() : drawn;
}

std::int64_t starvation_bursts::delay_ns(schedule_delay what, const internal::sim_thread& whose,
                                         const duration_range& range) noexcept {
    const std::int64_t drawn = random_walk::delay_ns(what, whose, range);
    return what == schedule_delay::wake && is_held_back(whose)
               ? drawn + static_cast<std::int64_t>(timing_.below(late_most_ns))
               : drawn;
}

bool starvation_bursts::preempts(const internal::sim_thread& whose, std::uint32_t one_in) noexcept {
    if (++steps_ >= ends_) {
        plan_next();
    }
    return random_walk::preempts(whose, one_in);
}

}  // namespace drama::inline v0
