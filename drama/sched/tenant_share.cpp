// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/tenant_share.hpp"

#include <mutex>

#include "drama/base/assert.hpp"

namespace drama::inline v0 {

sums_change tenant_share::join(queue_id queue, virtual_time clock, duration credit,
                               duration debt) noexcept {
    const std::size_t q = index(queue);
    const std::lock_guard held(locks_[q]);
    if (members_[q]++ != 0) {
        return {};
    }
    const fixed_weight w = weight();
    const virtual_time u = service();
    const virtual_span offset = places_[q].offset.load(std::memory_order_relaxed);
    virtual_time v = clock;
    if (offset != never_joined) {
        // A position left behind for so long that the difference wrapped reads as a debt; the clamp
        // bounds that mistake too.
        const virtual_span ahead = gap(advanced(u, offset), clock);
        v = advanced(clock, std::clamp(ahead, -to_virtual(credit, w), to_virtual(debt, w)));
    }
    places_[q].offset.store(gap(v, u), std::memory_order_relaxed);
    places_[q].accounted = u;
    weight_in_[q] = w;
    return {.moment = moment(w, v), .weight = w};
}

sums_change tenant_share::account(queue_id queue, virtual_span hold) noexcept {
    const std::size_t q = index(queue);
    const std::lock_guard held(locks_[q]);
    DRAMA_ASSERT(members_[q] != 0, "accounts a tenant that is no member");
    const fixed_weight w = weight();
    const fixed_weight w_old = weight_in_[q];
    const virtual_time u = service();
    const virtual_span offset_old = places_[q].offset.load(std::memory_order_relaxed);
    const virtual_span offset = advanced(offset_old, hold);
    const std::uint64_t was = moment(w_old, advanced(places_[q].accounted, offset_old));
    places_[q].offset.store(offset, std::memory_order_relaxed);
    places_[q].accounted = u;
    weight_in_[q] = w;
    return {.moment = moment(w, advanced(u, offset)) - was,
            .weight = std::int64_t{w} - std::int64_t{w_old}};
}

sums_change tenant_share::leave(queue_id queue) noexcept {
    const std::size_t q = index(queue);
    const std::lock_guard held(locks_[q]);
    DRAMA_ASSERT(members_[q] != 0, "takes out a tenant that is no member");
    if (--members_[q] != 0) {
        return {};
    }
    const virtual_span offset = places_[q].offset.load(std::memory_order_relaxed);
    const virtual_time v = advanced(places_[q].accounted, offset);
    return {.moment = 0 - moment(weight_in_[q], v), .weight = -std::int64_t{weight_in_[q]}};
}

}  // namespace drama::inline v0
