// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/pool_order.hpp"

#include <algorithm>
#include <utility>

namespace drama::inline v0 {
namespace {

// How many tenants a search looks at that a heap's order does not serve. The heap keeps the
// smallest keys near its front, so what lies beyond would hardly be chosen.
constexpr std::size_t tenants_looked_at = 32;
// How many tenants ahead of the clock a server looks at that may start one early. Those are left
// out that cannot be due earlier than what was found, so it is rarely as many.
constexpr std::size_t tenants_ahead_max = 256;

std::uint64_t ns_of(instant when) noexcept {
    return static_cast<std::uint64_t>(when.time_since_epoch().count());
}

}  // namespace

void pool_order::push(pool_lanes& lanes, pool_item& item, instant now) {
    const virtual_time clock = clock_.at(now);
    if (policy_ == policy::fifo) {
        arrivals_.add(lanes);
    }
    const bool was_absent = lanes.state_ == state::absent;
    if (was_absent) {
        join(lanes, item, clock, now);
    }
    item.queued_at = now;
    lanes.append(item, lane_of(item));
    size_.store(size() + 1, std::memory_order_relaxed);
    place(lanes, clock, now);
    publish();
}

void pool_order::join(pool_lanes& lanes, const pool_item& item, virtual_time clock, instant now) {
    eligible_.reserve(members_ + 1);
    waiting_.reserve(members_ + 1);
    limited_.reserve(members_ + 1);
    reserved_.reserve(members_ + 1);
    if (ledger_ != nullptr) {
        ledger_->join(*lanes.share_);
    }
    lanes.tags_.join(now);
    const duration cost = cost_of(lanes, item);
    apply(lanes.share_->join(id_, clock, std::min(cost, slice_max),
                             std::max(cost, slice_max) * debt_slices_max));
    ++members_;
}

void pool_order::remove(pool_lanes& lanes, pool_item& item, instant now) noexcept {
    const std::size_t before_it = lanes.remove(item, lane_of(item));
    if (policy_ == policy::fifo) {
        arrivals_.forget_at(lanes, before_it);
    }
    size_.store(size() - 1, std::memory_order_relaxed);
    place(lanes, clock_.at(now), now);
    publish();
}

pool_grant pool_order::pick(std::uint32_t server, instant now) noexcept {
    maybe_update(now);
    const virtual_time clock = clock_.at(now);
    return start(next(server, clock, now), now, clock);
}

pool_grant pool_order::pick_under_share(std::uint32_t server, instant now) noexcept {
    maybe_update(now);
    const virtual_time clock = clock_.at(now);
    pool_lanes* const lanes =
        policy_ == policy::fifo ? next(server, clock, now) : next_under_share(clock, now);
    return start(lanes, now, clock);
}

pool_grant pool_order::start(pool_lanes* lanes, instant now, virtual_time clock) noexcept {
    if (lanes == nullptr) {
        return {};
    }
    if (policy_ == policy::fifo) {
        arrivals_.pop();
    }
    const bool by_reservation = lanes->tags_.has_reservation() && lanes->tags_.is_due(now);
    unlink(*lanes);
    auto* item = static_cast<pool_item*>(lanes->take(lanes->next_lane()));
    size_.store(size() - 1, std::memory_order_relaxed);
    pool_grant grant{.lanes = lanes, .item = item, .site = item->site, .charged_at = now};
    grant.expected = cost_of(*lanes, *item);
    grant.is_estimated = item->known_cost == duration(0);
    grant.by_reservation = by_reservation;
    lanes->tags_.start(grant.expected, by_reservation, now);
    grant.weight = lanes->share_->weight();
    grant.held = std::max<virtual_span>(1, to_virtual(grant.expected, grant.weight));
    held_moment_ += std::uint64_t{grant.weight} * static_cast<std::uint64_t>(grant.held);
    charged_at_sum_ += ns_of(now);
    ++running_;
    ++lanes->in_service_;
    note_hold(*lanes, *item, now);
    apply(lanes->share_->account(id_, grant.held));
    enqueue(*lanes, clock, now);
    publish();
    return grant;
}

void pool_order::note_hold(pool_lanes& lanes, const pool_item& started, instant now) noexcept {
    const hold_watch::start what = held_start(lanes, started.queued_at, lanes.size() + 1);
    const instant since = std::max(started.queued_at, lanes.started_at_);
    lanes.started_at_ = now;
    lanes.started_own_ = lanes.in_service_;
    lanes.started_all_ = running_;
    holds_.note_start(lanes.holds_, what, since, now);
}

hold_watch::judgement pool_order::hold_so_far(const pool_lanes& lanes, instant now) const noexcept {
    if (lanes.empty()) {
        return {};
    }
    const instant queued_at = lanes.next_queued_at();
    return holds_.judge(held_start(lanes, queued_at, lanes.size()),
                        std::max(queued_at, lanes.started_at_), now);
}

// Of what was in service when the hold began and now: several functions may just have ended.
hold_watch::start pool_order::held_start(const pool_lanes& lanes, instant queued_at,
                                         std::size_t waiting) const noexcept {
    const bool went_on = queued_at <= lanes.started_at_;
    const std::uint32_t own = std::max(lanes.in_service_, went_on ? lanes.started_own_ : 0);
    return {.who = lanes.share_,
            .weight = lanes.share_->weight(),
            .weight_here = weight_,
            .own = policy_ == policy::fifo ? 0 : own,  // nobody is held back for what it had
            .all = std::max(running_, went_on ? lanes.started_all_ : 0),
            .waiting = waiting};
}

void pool_order::refresh(pool_grant& grant, duration used, instant now) noexcept {
    used /= cheapness_;
    const duration more = used - grant.charged;
    if (more <= duration(0)) {
        return;
    }
    charge(grant, used, std::min(grant.held, to_virtual(more, grant.weight)), now);
    place(*grant.lanes, clock_.at(now), now);
    publish();
}

void pool_order::settle(pool_grant& grant, duration used, instant now) noexcept {
    pool_lanes& lanes = *grant.lanes;
    holds_.note_served(*lanes.share_, used, now);
    used = std::max(used / cheapness_, duration(1));
    charge(grant, std::max(used, grant.charged), grant.held, now);
    lanes.tags_.settle(used - grant.expected, grant.by_reservation);
    charged_at_sum_ -= ns_of(grant.charged_at);
    --running_;
    --lanes.in_service_;
    if (grant.is_estimated) {
        lanes.estimates_.learn(grant.site, used);
        learn_prior(used);
    }
    place(lanes, clock_.at(now), now);
    grant.item = nullptr;
    publish();
}

duration pool_order::head_wait(instant now) noexcept {
    const pool_lanes* first = next(0, clock_.at(now), now);
    return first == nullptr ? duration(0) : now - first->next_queued_at();
}

duration pool_order::cost_of(const pool_lanes& lanes, const pool_item& item) const noexcept {
    if (item.known_cost != duration(0)) {
        return std::max(item.known_cost / cheapness_, duration(1));
    }
    return lanes.estimates_.expect(item.site, prior_);
}

duration pool_order::expected(const pool_lanes& lanes) const noexcept {
    const work_item* head = lanes.lanes_[lanes.next_lane()].front();
    return cost_of(lanes, *static_cast<const pool_item*>(head));
}

const pool_item* pool_order::peek(instant now) noexcept {
    const pool_lanes* const first = next(0, clock_.at(now), now);
    return first == nullptr
               ? nullptr
               : static_cast<const pool_item*>(first->lanes_[first->next_lane()].front());
}

std::uint32_t pool_order::next_in_service(instant now) noexcept {
    const pool_lanes* first = next(0, clock_.at(now), now);
    return first == nullptr ? 0 : first->in_service_;
}

// What a tenant's next function adds to its position to give its deadline.
virtual_span pool_order::request(const pool_lanes& lanes) const noexcept {
    const tenant_share& share = *lanes.share_;
    return to_virtual(scaled_by(share.latency_setting(), expected(lanes)), share.weight());
}

void pool_order::enqueue(pool_lanes& lanes, virtual_time clock, instant now) noexcept {
    if (lanes.empty()) {
        lanes.state_ = lanes.in_service_ != 0 ? state::in_service : state::absent;
        if (lanes.state_ == state::absent) {
            --members_;
            apply(lanes.share_->leave(id_));
            if (ledger_ != nullptr) {
                ledger_->leave(*lanes.share_);
            }
        }
        return;
    }
    lanes.note_waiting();
    if (policy_ == policy::fifo) {
        lanes.state_ = state::arrivals;
        return;
    }
    if (lanes.tags_.has_reservation()) {
        lanes.reserved_index_ = static_cast<std::uint32_t>(reserved_.size());
        reserved_.push_back(&lanes);
    }
    const virtual_time v = position(lanes);
    lanes.deadline_ = advanced(v, request(lanes));
    if (!lanes.tags_.is_allowed(now)) {
        lanes.state_ = state::limited;
        limited_.insert(lanes, lanes.tags_.allowed().time_since_epoch().count());
        return;
    }
    const bool is_eligible = !before(clock, v);
    lanes.state_ = is_eligible ? state::eligible : state::waiting;
    (is_eligible ? eligible_ : waiting_).insert(lanes, is_eligible ? lanes.deadline_ : v);
}

void pool_order::unlink(pool_lanes& lanes) noexcept {
    const bool stands = lanes.state_ == state::eligible || lanes.state_ == state::waiting ||
                        lanes.state_ == state::limited;
    if (stands && lanes.tags_.has_reservation()) {
        reserved_[lanes.reserved_index_] = reserved_.back();
        reserved_.back()->reserved_index_ = lanes.reserved_index_;
        reserved_.pop_back();
    }
    if (lanes.state_ == state::eligible) {
        eligible_.remove(lanes);
    } else if (lanes.state_ == state::waiting) {
        waiting_.remove(lanes);
    } else if (lanes.state_ == state::limited) {
        limited_.remove(lanes);
    }
}

void pool_order::place(pool_lanes& lanes, virtual_time clock, instant now) noexcept {
    unlink(lanes);
    enqueue(lanes, clock, now);
}

void pool_order::release_eligible(virtual_time clock, instant now) noexcept {
    while (!waiting_.empty() && !before(clock, waiting_.front().key)) {
        place(static_cast<pool_lanes&>(*waiting_.front().lanes), clock, now);
    }
}

void pool_order::release_allowed(virtual_time clock, instant now) noexcept {
    while (next_allowed() <= now) {
        place(static_cast<pool_lanes&>(*limited_.front().lanes), clock, now);
    }
}

// The one whose reservation has been due for longest.
pool_lanes* pool_order::next_reserved(instant now) noexcept {
    pool_lanes* first = nullptr;
    for (pool_lanes* const each : reserved_) {
        if (each->tags_.is_due(now) &&
            (first == nullptr || each->tags_.due() < first->tags_.due())) {
            first = each;
        }
    }
    return first;
}

pool_lanes* pool_order::next(std::uint32_t server, virtual_time clock, instant now) noexcept {
    if (policy_ == policy::fifo) {
        return static_cast<pool_lanes*>(arrivals_.front());
    }
    release_allowed(clock, now);
    pool_lanes* const reserved = next_reserved(now);
    return reserved != nullptr ? reserved : next_by_share(server, clock, now);
}

// Charges of other queues make keys too early, never too late: the first is looked at again.
pool_lanes* pool_order::next_by_share(std::uint32_t server, virtual_time clock,
                                      instant now) noexcept {
    release_eligible(clock, now);
    while (!eligible_.empty()) {
        auto& lanes = static_cast<pool_lanes&>(*eligible_.front().lanes);
        if (!before(clock, position(lanes))) {
            break;
        }
        place(lanes, clock, now);
    }
    if (eligible_.empty()) {
        pool_lanes* ahead = best_ahead(server, clock, nullptr);
        return ahead != nullptr ? ahead : least_ahead();
    }
    auto* chosen = static_cast<pool_lanes*>(eligible_.front().lanes);
    return server == 0 ? chosen : best_ahead(server, clock, chosen);
}

bool pool_order::is_under_share(const lane_set& lanes) const noexcept {
    const std::int64_t weight = lanes.share_->weight();
    return std::int64_t{static_cast<const pool_lanes&>(lanes).in_service_} * (weight_ + weight) <
           std::int64_t{servers_} * weight;
}

// Eligible tenants first, by expected finish; then those that are least ahead.
pool_lanes* pool_order::next_under_share(virtual_time clock, instant now) noexcept {
    release_allowed(clock, now);
    release_eligible(clock, now);
    for (const virtual_heap* heap : {&eligible_, &waiting_}) {
        const virtual_heap::entry* best = nullptr;
        const std::size_t count = std::min(heap->size(), tenants_looked_at);
        for (std::size_t i = 0; i != count; ++i) {
            const virtual_heap::entry& each = heap->at(i);
            if (is_under_share(*each.lanes) && (best == nullptr || before(each.key, best->key))) {
                best = &each;
            }
        }
        if (best != nullptr) {
            return static_cast<pool_lanes*>(best->lanes);
        }
        if (heap->size() > count) {
            return next(0, clock,
                        now);  // rather somebody than to leave out one that was not looked at
        }
    }
    return nullptr;
}

pool_lanes* pool_order::least_ahead() noexcept {
    while (!waiting_.empty()) {
        const virtual_heap::entry first = waiting_.front();
        const virtual_time v = position(*first.lanes);
        if (!before(first.key, v)) {
            return static_cast<pool_lanes*>(first.lanes);
        }
        waiting_.change(*first.lanes, v);
    }
    return nullptr;
}

// The one that is due first of `best` and of those that `server` may start early.
pool_lanes* pool_order::best_ahead(std::uint32_t server, virtual_time clock,
                                   pool_lanes* best) noexcept {
    waiting_.descend(tenants_ahead_max, [&](const virtual_heap::entry& each) {
        if (best != nullptr && !before(each.key, best->deadline_)) {
            return false;  // neither this one nor those below can be due earlier
        }
        auto& lanes = static_cast<pool_lanes&>(*each.lanes);
        const virtual_span grace =
            to_virtual(expected(lanes) * server / servers_, lanes.share_->weight());
        if (!before(clock, advanced(position(lanes), -grace)) &&
            (best == nullptr || before(lanes.deadline_, best->deadline_))) {
            best = &lanes;
        }
        return true;
    });
    return best;
}

// Replaces `release` of what was held by the real cost up to `used`.
void pool_order::charge(pool_grant& grant, duration used, virtual_span release,
                        instant now) noexcept {
    pay(*grant.lanes->share_, used - grant.charged, now);
    held_moment_ -= std::uint64_t{grant.weight} * static_cast<std::uint64_t>(release);
    charged_at_sum_ += ns_of(now) - ns_of(grant.charged_at);
    grant.held -= release;
    grant.charged = used;
    grant.charged_at = now;
    apply(grant.lanes->share_->account(id_, -release));
}

void pool_order::pay(tenant_share& share, duration used, instant now) noexcept {
    if (ledger_ == nullptr) {
        share.charge(used);
    } else {
        ledger_->charge(share, resource_of(id_), used, now);
    }
}

void pool_order::learn_prior(duration cost) noexcept {
    // Balanced when one cost in ten is above.
    prior_ = cost > prior_ ? prior_ + prior_ * 9 / 200 + 1us : prior_ - prior_ / 200;
}

void pool_order::apply(const sums_change& change) noexcept {
    moment_ += change.moment;
    weight_ += change.weight;
    const std::int64_t known = clock_.weight();
    if ((weight_ - known) * 8 > known || (known - weight_) * 8 > known) {
        clock_.hurry();
    }
}

void pool_order::maybe_update(instant now) noexcept {
    if (!clock_.is_due(now) || !clock_.try_lead()) {
        return;
    }
    // Positions are ahead by what running functions hold; the fluid server has given them only the
    // time since they were charged last.
    const auto since = static_cast<std::uint64_t>(
        static_cast<std::int64_t>(running_ * ns_of(now) - charged_at_sum_) / cheapness_);
    const auto busy =
        static_cast<std::uint32_t>(std::min<std::size_t>(servers_, std::size_t{running_} + size()));
    if (ledger_ != nullptr) {
        ledger_->observe(resource_of(id_), size() != 0, now - std::exchange(observed_at_, now));
        ledger_->maybe_update(now);
    }
    clock_.update(
        now, {.moment = moment_ - held_moment_ + since * (virtual_units_per_ns * fixed_weight_one),
              .weight = weight_,
              .busy = busy,
              .members = members_});
}

void pool_order::publish() noexcept {
    virtual_time earliest = no_deadline;
    if (policy_ == policy::fifo) {
        if (const lane_set* first = arrivals_.front()) {
            earliest = first->next_queued_at().time_since_epoch().count() * virtual_units_per_ns;
        }
    } else if (!eligible_.empty()) {
        earliest = eligible_.front().key;
    }
    earliest_.store(earliest, std::memory_order_relaxed);
}

}  // namespace drama::inline v0
