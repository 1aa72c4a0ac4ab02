// SPDX-License-Identifier: Apache-2.0
// What a tenant record says of the holds of its work: its lanes in all queues, added up.
#include <algorithm>

#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0 {

void hold_figures::add(const hold_account& some) noexcept {
    for (std::size_t i = 0; i != queue_hold_causes; ++i) {
        by_cause[i] += some.ns(static_cast<hold_cause>(i));
    }
    item_ns += some.item_ns();
    for (const hold_account::beneficiary& each : some.beneficiaries()) {
        credit(each);
    }
}

void hold_figures::add(const hold_watch::judgement& some) noexcept {
    if (!some) {
        return;
    }
    const auto ns = static_cast<std::uint64_t>(some.held.count());
    by_cause[static_cast<std::size_t>(some.why)] += ns;
    item_ns += is_throttling(some.why) ? ns * some.items : 0;
    credit({some.other.who, static_cast<std::uint64_t>(some.other.used.count())});
}

void hold_figures::credit(const hold_account::beneficiary& whom) noexcept {
    if (whom.who == nullptr) {
        return;
    }
    const auto known = std::ranges::find(beneficiaries, whom.who, &hold_account::beneficiary::who);
    auto& place = known != beneficiaries.end() ? *known : beneficiaries.back();
    if (known != beneficiaries.end()) {
        place.ns += whom.ns;
    } else if (place.ns < whom.ns) {
        place = whom;
    }
    std::ranges::sort(beneficiaries, std::ranges::greater(), &hold_account::beneficiary::ns);
}

std::uint64_t hold_figures::throttled_ns() const noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i != hold_causes; ++i) {
        sum += is_throttling(static_cast<hold_cause>(i)) ? by_cause[i] : 0;
    }
    return sum;
}

template <class Visit>
void tenant_record::for_each_lanes(queue_id queue, Visit visit) const noexcept {
    switch (queue) {
        case queue_id::async:
            for (std::size_t core = 0; core < cores_; ++core) {
                if (const auto* const lanes = lanes_at(core).load(std::memory_order_acquire)) {
                    visit(*lanes);
                }
            }
            break;
        case queue_id::compute:
            visit(compute_lanes_);
            break;
        case queue_id::blocking:
            visit(blocking_lanes_);
            break;
        case queue_id::disk:
            if (const disk_account* const disk = disk_if_any()) {
                visit(disk->lanes);
            }
            break;
        case queue_id::net:
            break;
    }
}

hold_figures tenant_record::held_in(queue_id queue) const noexcept {
    hold_figures sum;
    for_each_lanes(queue, [&sum](const lane_set& lanes) { sum.add(lanes.holds()); });
    return sum;
}

instant tenant_record::held_since_on(std::size_t core, std::size_t& items) const noexcept {
    const auto* const lanes = lanes_at(core).load(std::memory_order_acquire);
    items = lanes != nullptr ? lanes->size() : 0;
    return items != 0 ? lanes->holds().since() : long_ago;
}

hold_figures tenant_record::held_at_gates() const noexcept {
    hold_figures seen;
    seen.by_cause[static_cast<std::size_t>(hold_cause::admission)] = usage.gate_ns.read();
    seen.by_cause[static_cast<std::size_t>(hold_cause::rate_limit)] = usage.limit_ns.read();
    seen.item_ns = usage.gate_item_ns.read() + usage.limit_item_ns.read();
    return seen;
}

std::uint64_t tenant_record::throttled_ns() const noexcept {
    std::uint64_t sum = held_at_gates().throttled_ns();
    for (std::size_t i = 0; i != queues; ++i) {
        sum += held_in(static_cast<queue_id>(i)).throttled_ns();
    }
    return sum;
}

instant tenant_record::waiting_since(queue_id queue) const noexcept {
    instant oldest = never;
    for_each_lanes(queue, [&oldest](const lane_set& lanes) {
        if (lanes.size() != 0) {
            oldest = std::min(oldest, lanes.waiting_since());
        }
    });
    return oldest;
}

}  // namespace drama::inline v0
