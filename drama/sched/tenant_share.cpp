// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/tenant_share.hpp"

#include <mutex>
#include <utility>

#include "drama/base/assert.hpp"

namespace drama::inline v0 {
namespace {

virtual_span forgiven(const join_terms& terms, std::int64_t left_ns) noexcept {
    constexpr std::int64_t longest = 1'000'000'000;  // nobody owes so much
    if (left_ns == long_ago.time_since_epoch().count()) {
        return 0;
    }
    const std::int64_t away =
        std::clamp<std::int64_t>(terms.now.time_since_epoch().count() - left_ns, 0, longest);
    return static_cast<virtual_span>(
        (static_cast<unsigned __int128>(away) * terms.forgiving_rate) >> 32);
}

}  // namespace

sums_change tenant_share::join(queue_id queue, virtual_time clock, duration credit, duration debt,
                               join_terms terms) noexcept {
    const std::size_t q = index(queue);
    const std::lock_guard held(locks_[q]);
    if (members_[q]++ != 0) {
        return {};
    }
    const fixed_weight w = weight();
    const virtual_time u = service();
    const virtual_span offset = places_[q].offset.load(std::memory_order_relaxed);
    virtual_time v = advanced(clock, -terms.members_behind);
    if (offset != never_joined) {
        // A position left behind for so long that the difference wrapped reads as a debt; the clamp
        // bounds that mistake too.
        virtual_span ahead = gap(advanced(u, offset), clock);
        if (ahead > 0 && terms.forgiving_rate != 0) {
            ahead = std::max<virtual_span>(0, ahead - forgiven(terms, places_[q].accounted));
        }
        // Idle time is not banked.
        const virtual_span least = -to_virtual(credit, w) - terms.members_behind;
        v = advanced(clock, std::clamp(ahead, least, to_virtual(debt, w)));
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

fixed_weight tenant_share::counted(queue_id queue) noexcept {
    const std::size_t q = index(queue);
    const std::lock_guard held(locks_[q]);
    return members_[q] == 0 ? 0 : weight_in_[q];
}

sums_change tenant_share::suspend(queue_id queue) noexcept {
    const std::size_t q = index(queue);
    const std::lock_guard held(locks_[q]);
    DRAMA_ASSERT(members_[q] != 0, "suspends a tenant that is no member");
    const virtual_span offset = places_[q].offset.load(std::memory_order_relaxed);
    const virtual_time v = advanced(places_[q].accounted, offset);
    const fixed_weight was = std::exchange(weight_in_[q], 0);
    return {.moment = 0 - moment(was, v), .weight = -std::int64_t{was}};
}

sums_change tenant_share::leave(queue_id queue, instant now) noexcept {
    const std::size_t q = index(queue);
    const std::lock_guard held(locks_[q]);
    DRAMA_ASSERT(members_[q] != 0, "takes out a tenant that is no member");
    if (--members_[q] != 0) {
        return {};
    }
    const virtual_span offset = places_[q].offset.load(std::memory_order_relaxed);
    const virtual_time v = advanced(places_[q].accounted, offset);
    places_[q].accounted = now.time_since_epoch().count();
    return {.moment = 0 - moment(weight_in_[q], v), .weight = -std::int64_t{weight_in_[q]}};
}

}  // namespace drama::inline v0
