// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/pool/burning_board.hpp"

#include <algorithm>

namespace drama::inline v0 {
namespace {

constexpr unsigned charged_bits = 48;  // three days
constexpr std::uint64_t charged_mask = (std::uint64_t{1} << charged_bits) - 1;

// Before the board's shift.
virtual_time standing(const tenant_record& payer) noexcept {
    return advanced(payer.share().service(),
                    payer.burning().offset.load(std::memory_order_relaxed));
}

}  // namespace

virtual_time burning_board::position_of(const tenant_record& payer, instant now) const noexcept {
    const burning_account& account = payer.burning();
    const virtual_span shift = shift_.load(std::memory_order_relaxed);
    const virtual_time stands = advanced(standing(payer), -shift);
    if (account.wants.load(std::memory_order_relaxed) != 0) {
        return stands;
    }
    // Among burning tenants alone all are ahead of the clock, and what they owe each other is kept.
    virtual_time from = clock_->at(now);
    if (deadline() != no_deadline && before(from, position())) {
        from = position();
    }
    if (account.offset.load(std::memory_order_relaxed) == burning_account::never_burned) {
        return from;
    }
    const fixed_weight weight = payer.share().weight();
    return advanced(from, std::clamp(gap(stands, from), -to_virtual(credit_max, weight),
                                     to_virtual(debt_max, weight)));
}

void burning_board::join(tenant_record& payer, instant now) noexcept {
    burning_account& account = payer.burning();
    const virtual_time stands = position_of(payer, now);
    if (account.wants.fetch_add(1, std::memory_order_relaxed) == 0) {
        account.offset.store(
            gap(stands, payer.share().service()) + shift_.load(std::memory_order_relaxed),
            std::memory_order_relaxed);
    }
}

void burning_board::part(tenant_record& payer) noexcept {
    payer.burning().wants.fetch_sub(1, std::memory_order_relaxed);
}

burning_board::place* burning_board::enter(tenant_record& payer, instant now,
                                           const world_thread* thread,
                                           duration cpu_before) noexcept {
    for (std::size_t at = 0; at != places_max; ++at) {
        place& mine = places_[at];
        if (mine.is_taken.load(std::memory_order_relaxed) ||
            mine.is_taken.exchange(true, std::memory_order_acquire)) {
            continue;
        }
        std::size_t used = used_.load(std::memory_order_relaxed);
        while (used <= at && !used_.compare_exchange_weak(used, at + 1)) {
        }
        mine.thread.store(thread, std::memory_order_relaxed);
        mine.cpu_before_ns.store(cpu_before.count(), std::memory_order_relaxed);
        const std::uint64_t takings =
            (mine.charged.load(std::memory_order_relaxed) >> charged_bits) + 1;
        mine.charged.store(takings << charged_bits, std::memory_order_release);
        note_used(mine);
        join(payer, now);
        // Pairs with refresh: who sees the payer sees the rest.
        mine.payer.store(&payer, std::memory_order_release);
        count_.fetch_add(1, std::memory_order_relaxed);
        look();
        return &mine;
    }
    return nullptr;
}

duration burning_board::leave(place* left) noexcept {
    if (left == nullptr) {
        return duration::zero();
    }
    tenant_record* const payer = left->payer.exchange(nullptr, std::memory_order_relaxed);
    part(*payer);
    // Another taking, so that refresh charges nothing more for this one.
    const std::uint64_t word = left->charged.load(std::memory_order_relaxed);
    const std::uint64_t takings = (word >> charged_bits) + 1;
    const std::uint64_t charged =
        left->charged.exchange(takings << charged_bits, std::memory_order_acq_rel) & charged_mask;
    count_.fetch_sub(1, std::memory_order_relaxed);
    left->is_taken.store(false, std::memory_order_release);
    look();
    return duration(static_cast<std::int64_t>(charged));
}

void burning_board::refresh(instant now) noexcept {
    const std::size_t used = used_.load(std::memory_order_relaxed);
    for (std::size_t at = 0; at != used; ++at) {
        place& each = places_[at];
        std::uint64_t word = each.charged.load(std::memory_order_acquire);
        tenant_record* const payer = each.payer.load(std::memory_order_acquire);
        const world_thread* const thread = each.thread.load(std::memory_order_relaxed);
        if (payer == nullptr || thread == nullptr) {
            continue;
        }
        const std::int64_t more = thread->cpu_time().count() -
                                  each.cpu_before_ns.load(std::memory_order_relaxed) -
                                  static_cast<std::int64_t>(word & charged_mask);
        // Fails if the place has changed hands since.
        if (more > 0 && each.charged.compare_exchange_strong(
                            word, word + static_cast<std::uint64_t>(more),
                            std::memory_order_acq_rel, std::memory_order_relaxed)) {
            payer->share().charge(duration(more));
            payer->usage.burn(duration(more));
            if (more >= used_min.count()) {
                note_used(each);
            }
        }
    }
    weight_.store(sum_of_weights(), std::memory_order_relaxed);
    const tenant_record* const first = look();
    if (first == nullptr) {
        return;
    }
    // Burning tenants that had CPUs which no worker wanted owe nothing for these; nor are they owed
    // what they would not take.
    const virtual_span ahead = gap(position(), clock_->at(now));
    const fixed_weight weight = first->share().weight();
    const virtual_span allowed =
        std::clamp(ahead, -to_virtual(debt_max, weight), to_virtual(debt_max, weight));
    if (ahead != allowed) {
        shift_.fetch_add(ahead - allowed, std::memory_order_relaxed);
        look();
    }
}

// A tenant with several threads counts once.
std::int64_t burning_board::sum_of_weights() const noexcept {
    std::array<const tenant_record*, places_max> seen;
    std::size_t tenants = 0;
    std::int64_t sum = 0;
    const std::size_t used = used_.load(std::memory_order_relaxed);
    for (std::size_t at = 0; at != used; ++at) {
        const tenant_record* const payer = places_[at].payer.load(std::memory_order_acquire);
        const auto end = seen.begin() + static_cast<std::ptrdiff_t>(tenants);
        if (payer != nullptr && std::find(seen.begin(), end, payer) == end) {
            seen[tenants++] = payer;
            sum += payer->share().weight();
        }
    }
    return sum;
}

bool burning_board::waits_for_something(const place& mine) const noexcept {
    const std::size_t others = count_.load(std::memory_order_relaxed);
    return left_.load(std::memory_order_relaxed) - mine.used_at.load(std::memory_order_relaxed) >
           patience * (1 + others);
}

const tenant_record* burning_board::look() noexcept {
    const tenant_record* first = nullptr;
    virtual_time position = 0;
    virtual_time deadline = no_deadline;
    const virtual_span shift = shift_.load(std::memory_order_relaxed);
    const std::size_t used = used_.load(std::memory_order_relaxed);
    for (std::size_t at = 0; at != used; ++at) {
        const tenant_record* const payer = places_[at].payer.load(std::memory_order_acquire);
        if (payer == nullptr || waits_for_something(places_[at])) {
            continue;
        }
        const virtual_time stands = advanced(standing(*payer), -shift);
        const virtual_time due = advanced(stands, to_virtual(request, payer->share().weight()));
        if (deadline == no_deadline || before(due, deadline)) {
            first = payer;
            position = stands;
            deadline = due;
        }
    }
    most_due_.store(first, std::memory_order_relaxed);
    position_.store(position, std::memory_order_relaxed);
    deadline_.store(deadline, std::memory_order_relaxed);
    return first;
}

}  // namespace drama::inline v0
