// SPDX-License-Identifier: Apache-2.0
// What a tenant is promised and allowed of a queue, in servers: reservation and limit as tags in
// real time (mClock, Gulati et al. 2010). They filter who may be chosen; shares stay what they are.
#pragma once

#include <algorithm>
#include <cstdint>

#include "drama/base/clock.hpp"
#include "drama/sched/class_order.hpp"

namespace drama::inline v0 {

/// Units: servers; 0.5 is half of one server's time. Nothing is reserved or limited by 0.
struct service_rates {
    double reserved = 0;
    double limit = 0;
};

/// When the next item of one tenant is due by its reservation, and from when its limit allows it.
/// Threads: the caller's lock.
class service_tags {
  public:
    void set(service_rates rates) noexcept {
        reserved_ = fixed(rates.reserved);
        limit_ = fixed(rates.limit);
    }
    bool has_reservation() const noexcept { return reserved_ != 0; }
    bool has_limit() const noexcept { return limit_ != 0; }

    /// Its reservation serves it before all shares. Requires: has_reservation().
    bool is_due(instant now) const noexcept { return due_ <= now; }
    bool is_allowed(instant now) const noexcept { return !has_limit() || allowed_ <= now; }
    instant due() const noexcept { return due_; }
    instant allowed() const noexcept { return allowed_; }

    /// It has work again: idle time earns nothing.
    void join(instant now) noexcept {
        due_ = std::max(due_, now);
        allowed_ = std::max(allowed_, now);
    }
    /// An item of `cost` starts. What its share gives it, its reservation need not.
    void start(duration cost, bool by_reservation, instant now) noexcept {
        if (by_reservation) {
            due_ += paced(cost, reserved_);
        }
        if (has_limit()) {
            // A start that came late may be made up for, by one slice or item at most.
            allowed_ = std::max(allowed_, now - std::max(slice_max, cost)) + paced(cost, limit_);
        }
    }
    /// It has cost `more` than was expected, or less.
    void settle(duration more, bool by_reservation) noexcept {
        if (by_reservation && has_reservation()) {
            due_ += paced(more, reserved_);
        }
        if (has_limit()) {
            allowed_ += paced(more, limit_);
        }
    }

  private:
    using fixed_rate = std::int64_t;  // servers in 1/65536
    static constexpr double fixed_one = 65536;

    static fixed_rate fixed(double servers) noexcept {
        return servers <= 0 ? 0
                            : static_cast<fixed_rate>(
                                  std::clamp(servers * fixed_one, 1.0, fixed_one * 4096));
    }
    static duration paced(duration cost, fixed_rate rate) noexcept {
        const auto scaled =
            static_cast<__int128>(cost.count()) * static_cast<fixed_rate>(fixed_one);
        return duration(static_cast<std::int64_t>(scaled / rate));
    }

    instant due_ = long_ago;
    instant allowed_ = long_ago;
    fixed_rate reserved_ = 0;
    fixed_rate limit_ = 0;
};

}  // namespace drama::inline v0
