// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/fair_clock.hpp"

#include <algorithm>
#include <cmath>

namespace drama::inline v0 {
namespace {

constexpr double slewed_longest_ns = 1e15;

}  // namespace

virtual_time fair_clock::at(instant now) const noexcept {
    for (;;) {
        const std::uint32_t before_read = sequence_.load(std::memory_order_acquire);
        // Each acquires from its release in update(): who saw one new value sees the new sequence.
        const virtual_time base = base_.load(std::memory_order_acquire);
        const std::int64_t since = since_ns_.load(std::memory_order_acquire);
        const std::uint64_t rate = rate_.load(std::memory_order_acquire);
        const std::int64_t slewed = slewed_ns_.load(std::memory_order_acquire);
        const std::uint64_t steady_rate = steady_rate_.load(std::memory_order_acquire);
        if ((before_read & 1) == 0 && sequence_.load(std::memory_order_relaxed) == before_read) {
            const std::int64_t elapsed = now.time_since_epoch().count() - since;
            if (elapsed <= 0) {
                return base;
            }
            if (elapsed > slewed) [[unlikely]] {
                return advanced(base, scaled(slewed, rate) + scaled(elapsed - slewed, steady_rate));
            }
            return advanced(base, scaled(elapsed, rate));
        }
        cpu_pause();
    }
}

// How many servers give their time to something else, on average.
double fair_clock::note_losses(duration since_update) noexcept {
    const std::int64_t lost = lost_ns_.load(std::memory_order_relaxed);
    if (lost == 0 && lost_servers_ == 0) [[likely]] {
        return 0;
    }
    lost_ns_.fetch_sub(lost, std::memory_order_relaxed);
    const auto passed = static_cast<double>(std::max<std::int64_t>(1, since_update.count()));
    constexpr double averaged_over = 16.0 * static_cast<double>(clock_period.count());
    const double part = std::min(1.0, passed / averaged_over);
    lost_servers_ += (static_cast<double>(lost) / passed - lost_servers_) * part;
    if (lost_servers_ < 1e-3) {
        lost_servers_ = 0;
    }
    return lost_servers_;
}

void fair_clock::set_forgiving_rate(const clock_sums& sums, double lost) noexcept {
    const double servers = sums.busy + sums.held_up;
    const double at_work = std::max(servers - lost, servers / 16);
    const auto weight = static_cast<double>(sums.weight + outside_.load(std::memory_order_relaxed));
    const double rate = static_cast<double>(virtual_units_per_ns) * fixed_weight_one * at_work /
                        std::max<double>(weight, fixed_weight_one) / cheapness_;
    forgiving_rate_.store(static_cast<std::uint64_t>(rate * 0x1p32), std::memory_order_relaxed);
}

void fair_clock::update(instant now, const clock_sums& sums) noexcept {
    const virtual_time v = at(now);
    const duration since_update =
        std::max(now.time_since_epoch() - duration(since_ns_.load(std::memory_order_relaxed)),
                 duration::zero());
    const double lost = note_losses(since_update);
    double rate = 0;
    double steady_rate = 0;
    double slewed_ns = 0;
    if (sums.weight > 0) {
        // Service of one server over the weight; both factors of 1024 are units.
        const double weight = static_cast<double>(sums.weight);
        const double of_one =
            static_cast<double>(virtual_units_per_ns) * fixed_weight_one / weight / cheapness_;
        const double fair = std::max(sums.busy - lost, sums.busy / 16.0) * of_one;
        // Sum of w (v_i - V): small, and exact although both terms wrap.
        const auto ahead = static_cast<std::int64_t>(
            sums.moment - static_cast<std::uint64_t>(sums.weight) * static_cast<std::uint64_t>(v));
        const double slew = static_cast<double>(ahead) / weight;
        // Also where nobody is served for now: members that are ahead must not stay so, when others
        // compare themselves with the clock.
        rate =
            std::clamp(fair + slew / clock_period.count(), 0.1 * fair, 2 * std::max(fair, of_one));
        steady_rate = fair;
        slewed_ns = rate == fair ? 0 : std::clamp(slew / (rate - fair), 0.0, slewed_longest_ns);
    }
    const std::int64_t round =
        round_target.count() * servers_ / std::max<std::int64_t>(1, sums.members);
    const std::int64_t since =
        std::max(now.time_since_epoch().count(), since_ns_.load(std::memory_order_relaxed));

    const std::uint32_t sequence = sequence_.load(std::memory_order_relaxed);
    sequence_.store(sequence + 1, std::memory_order_relaxed);
    base_.store(v, std::memory_order_release);
    since_ns_.store(since, std::memory_order_release);
    rate_.store(static_cast<std::uint64_t>(rate * 0x1p32), std::memory_order_release);
    slewed_ns_.store(static_cast<std::int64_t>(slewed_ns), std::memory_order_release);
    steady_rate_.store(static_cast<std::uint64_t>(steady_rate * 0x1p32), std::memory_order_release);
    sequence_.store(sequence + 2, std::memory_order_release);

    quantum_ns_.store(std::clamp<std::int64_t>(round, 1, quantum.count()),
                      std::memory_order_relaxed);
    set_forgiving_rate(sums, lost);
    weight_.store(sums.weight, std::memory_order_relaxed);
    next_ns_.store(since + clock_period.count(), std::memory_order_relaxed);
    led_.store(false, std::memory_order_release);
}

}  // namespace drama::inline v0
