// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/fair_clock.hpp"

#include <algorithm>
#include <cmath>

namespace drama::inline v0 {

virtual_time fair_clock::at(instant now) const noexcept {
    for (;;) {
        const std::uint32_t before_read = sequence_.load(std::memory_order_acquire);
        // Each acquires from its release in update(): who saw one new value sees the new sequence.
        const virtual_time base = base_.load(std::memory_order_acquire);
        const std::int64_t since = since_ns_.load(std::memory_order_acquire);
        const std::uint64_t rate = rate_.load(std::memory_order_acquire);
        if ((before_read & 1) == 0 && sequence_.load(std::memory_order_relaxed) == before_read) {
            const std::int64_t elapsed = now.time_since_epoch().count() - since;
            return elapsed <= 0 ? base : advanced(base, scaled(elapsed, rate));
        }
        cpu_pause();
    }
}

void fair_clock::update(instant now, const clock_sums& sums) noexcept {
    const virtual_time v = at(now);
    double rate = 0;
    if (sums.weight > 0) {
        // Service of one server over the weight; both factors of 1024 are units.
        const double weight = static_cast<double>(sums.weight);
        const double of_one =
            static_cast<double>(virtual_units_per_ns) * fixed_weight_one / weight / cheapness_;
        const double fair = sums.busy * of_one;
        // Sum of w (v_i - V): small, and exact although both terms wrap.
        const auto ahead = static_cast<std::int64_t>(
            sums.moment - static_cast<std::uint64_t>(sums.weight) * static_cast<std::uint64_t>(v));
        const double slew = static_cast<double>(ahead) / weight / clock_period.count();
        // Also where nobody is served for now: members that are ahead must not stay so, when others
        // compare themselves with the clock.
        rate = std::clamp(fair + slew, 0.1 * fair, 2 * std::max(fair, of_one));
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
    sequence_.store(sequence + 2, std::memory_order_release);

    quantum_ns_.store(std::clamp<std::int64_t>(round, 1, quantum.count()),
                      std::memory_order_relaxed);
    weight_.store(sums.weight, std::memory_order_relaxed);
    next_ns_.store(since + clock_period.count(), std::memory_order_relaxed);
    led_.store(false, std::memory_order_release);
}

}  // namespace drama::inline v0
