// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/watch/decision_log.hpp"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <utility>

#include "drama/sched/fair_clock.hpp"

namespace drama::inline v0 {

duration owed_to(const tenant_share& whom, queue_id queue, const fair_clock& clock,
                 instant now) noexcept {
    const double behind = static_cast<double>(gap(clock.at(now), whom.position(queue)));
    return duration(static_cast<std::int64_t>(behind * static_cast<double>(whom.weight()) /
                                              (virtual_units_per_ns * fixed_weight_one)));
}

// Whoever decides notes a hold in the tenant's account, where it ends; so what is new there is what
// was decided since.
void decision_log::ring::add_holds(queue_id queue, instant now) noexcept {
    const hold_figures seen = whose->held_in(queue);
    hold_figures& before = held[static_cast<std::size_t>(queue)];
    const tenant_share* other = nullptr;
    std::uint64_t most = 0;
    for (const hold_account::beneficiary& each : seen.beneficiaries) {
        const auto old =
            std::ranges::find(before.beneficiaries, each.who, &hold_account::beneficiary::who);
        const std::uint64_t had = old == before.beneficiaries.end() ? 0 : old->ns;
        if (each.who != nullptr && each.ns > had && each.ns - had > most) {
            other = each.who;
            most = each.ns - had;
        }
    }
    for (std::size_t i = 0; i != hold_causes; ++i) {
        if (seen.by_cause[i] > before.by_cause[i]) {
            add({.at = now,
                 .kind = decision_kind::held,
                 .queue = queue,
                 .reason = name_of(static_cast<hold_cause>(i)),
                 .other = other,
                 .lasted =
                     duration(static_cast<std::int64_t>(seen.by_cause[i] - before.by_cause[i]))});
        }
    }
    before = seen;
}

decision_log::ring* decision_log::find_locked(const tenant_record& whose) noexcept {
    for (const std::unique_ptr<ring>& each : rings_) {
        if (each != nullptr && each->whose == &whose) {
            return each.get();
        }
    }
    return nullptr;
}

void decision_log::note(const tenant_record& whose, const decision& made) noexcept {
    const std::lock_guard guard(lock_);
    if (ring* const to = find_locked(whose); to != nullptr && made.at < to->until) {
        if (made.kind == decision_kind::picked) {
            to->add_holds(made.queue, made.at);
        }
        to->add(made);
    } else if (std::ranges::all_of(rings_, [&](const std::unique_ptr<ring>& each) {
                   return each == nullptr || made.at >= each->until;
               })) {
        is_on_.store(false, std::memory_order_relaxed);  // the memory goes with forget_idle()
    }
}

std::unique_ptr<decision_log::ring>& decision_log::place_locked(instant now) noexcept {
    const auto ends = [now](const std::unique_ptr<ring>& each) {
        return each == nullptr ? long_ago : std::min(each->until, now + kept_for);
    };
    return *std::ranges::min_element(rings_, {}, ends);
}

std::vector<decision> decision_log::watch(const tenant_record& whose, instant now) {
    auto fresh = std::make_unique<ring>();
    fresh->whose = &whose;
    for (std::size_t i = 0; i != queues; ++i) {
        fresh->held[i] = whose.held_in(static_cast<queue_id>(i));
    }
    std::vector<decision> seen;
    seen.reserve(length);
    std::vector<std::unique_ptr<ring>> places(tenants_max);
    const std::lock_guard guard(lock_);
    if (rings_.empty()) {
        rings_.swap(places);
    }
    ring* known = find_locked(whose);
    if (known == nullptr) {
        std::unique_ptr<ring>& place = place_locked(now);
        std::swap(place, fresh);  // what it displaces goes after the lock
        known = place.get();
    }
    known->until = now + kept_for;
    is_on_.store(true, std::memory_order_relaxed);
    // Cores look at the clock once a step: what is noted later may be a little older.
    for (std::uint64_t back = 1; back <= std::min<std::uint64_t>(known->count, length); ++back) {
        const decision& each = known->last[(known->count - back) % length];
        auto place = seen.end();
        while (place != seen.begin() && std::prev(place)->at < each.at) {
            --place;
        }
        seen.insert(place, each);
    }
    return seen;
}

void decision_log::forget_idle(instant now) noexcept {
    std::array<std::unique_ptr<ring>, tenants_max> gone;  // goes after the lock
    const std::lock_guard guard(lock_);
    bool are_left = false;
    for (std::size_t i = 0; i != rings_.size(); ++i) {
        if (rings_[i] != nullptr && now >= rings_[i]->until) {
            gone[i] = std::move(rings_[i]);
        }
        are_left |= rings_[i] != nullptr;
    }
    is_on_.store(are_left, std::memory_order_relaxed);
}

std::size_t decision_log::watched() noexcept {
    const std::lock_guard guard(lock_);
    return static_cast<std::size_t>(std::ranges::count_if(
        rings_, [](const std::unique_ptr<ring>& each) { return each != nullptr; }));
}

}  // namespace drama::inline v0
