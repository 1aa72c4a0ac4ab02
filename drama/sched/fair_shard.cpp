// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/fair_shard.hpp"

#include <algorithm>
#include <array>

#include "drama/sched/fair_queue.hpp"

namespace drama::inline v0 {
namespace {

// How many of its requests a lane set may be ahead of the clock and still stand in its own group.
constexpr virtual_span far_requests = 4;
// Not worth telling apart, and wide enough that a slot of far_ never reaches back to the clock.
constexpr virtual_span far_least = 1 << 14;
// A member is no further ahead of the clock.
constexpr duration debt_longest = slice_max * debt_slices_max;
// Turns in a row after which what would have run next goes on before the others.
constexpr std::uint8_t put_backs_max = 8;

}  // namespace

bool fair_shard::push(lane_set& lanes, work_item& item, instant now) {
    const virtual_time clock = clock_->at(now);
    clock_seen_ = clock;
    if (policy_ == policy::fifo) {
        arrivals_.add(lanes);
    }
    const bool joins = lanes.state_ == state::absent;
    if (joins) {
        join(lanes, class_of(item), clock, now);
    }
    item.queued_at = now;
    lanes.append(item, lane_of(item));
    add_size(1);
    if (lanes.state_ == state::running) {
        return false;
    }
    bool urgent = false;
    if (policy_ == policy::fair) {
        if (!joins) {
            hasten(lanes, advanced(position(lanes), slice(lanes, class_of(item))));
        }
        urgent = outranks_running(lanes, clock);
    } else {
        publish_oldest();
    }
    return urgent;
}

void fair_shard::append(lane_set& lanes, work_item& item) {
    DRAMA_ASSERT(running_ == &lanes, "appends outside the running turn");
    if (policy_ == policy::fifo) {
        arrivals_.add(lanes);
    }
    lanes.append(item, lane_of(item));
    add_size(1);
}

void fair_shard::put_back(lane_set& lanes, work_item& item, instant now) {
    const auto count = static_cast<std::uint8_t>((lanes.put_backs_ & lane_set::put_backs_mask) + 1);
    if (policy_ == policy::fifo || count == put_backs_max) {
        lanes.put_backs_ = 0;
        push(lanes, item, now);
        return;
    }
    lanes.put_backs_ = count | lane_set::has_put_back_bit;
    lanes.put_back_ = &item;
    lanes.overtaken_since_ = lanes.empty() ? now : lanes.next_queued_at();
    item.queued_at = now;
    lanes.prepend(item, lane_of(item));
    add_size(1);
}

turn fair_shard::pick(instant now) noexcept {
    DRAMA_ASSERT(running_ == nullptr, "picks while a turn is running");
    queue_->maybe_update(now);
    const virtual_time clock = clock_->at(now);
    clock_seen_ = clock;
    lane_set* chosen = next(clock);
    if (chosen == nullptr) {
        return {};
    }
    unlink(*chosen);
    if (chosen->holds_.has_begun()) {
        // What came after it was eligible again is a wait like any other.
        const virtual_span behind = gap(clock, position(*chosen));
        chosen->holds_.end(served_, *chosen->share_,
                           behind > 0 ? clock_->time_for(behind) : duration(0), chosen->size(),
                           now);
    }
    deadline_groups::prefetch_following(*chosen);
    chosen->state_ = state::running;
    running_ = chosen;
    running_deadline_.store(chosen->deadline_, std::memory_order_relaxed);
    publish_earliest();
    return {.lanes = chosen, .ends = now + clock_->quantum_now()};
}

bool fair_shard::gives_way_to(virtual_time position, virtual_time deadline, instant now) noexcept {
    queue_->maybe_update(now);
    const virtual_time clock = clock_->at(now);
    const lane_set* const first = policy_ == policy::fifo ? nullptr : next(clock);
    if (first == nullptr) {
        return false;
    }
    const virtual_time own = this->position(*first);
    const bool is_eligible = !before(clock, own);
    if (before(clock, position)) {
        return !is_eligible && before(position, own);  // both ahead: who is least so
    }
    // Who fell far behind is served before those in the middle, but not before those that are due:
    // a tenant that comes back is.
    // A request of theirs takes a few turns.
    constexpr duration request = std::chrono::microseconds(100);
    const virtual_time soon = advanced(clock, to_virtual(request, first->share_->weight()));
    const virtual_time due = before(deadline, soon) ? soon : deadline;
    return !is_eligible || before(due, first->deadline_);
}

void fair_shard::set_served(bool is_served, instant now) noexcept {
    is_served_.store(is_served, std::memory_order_relaxed);
    clock_->expire();
    queue_->maybe_update(now);
}

work_item* fair_shard::pop(lane_set& lanes, instant) noexcept {
    DRAMA_ASSERT(running_ == &lanes, "pops outside the running turn");
    if (lanes.empty()) {
        return nullptr;
    }
    if (policy_ == policy::fifo) {
        if (arrivals_.front() != &lanes) {
            return nullptr;
        }
        arrivals_.pop();
    }
    add_size(-1);
    work_item* const item = lanes.take(lanes.next_lane());
    if (lanes.put_backs_ > lane_set::put_backs_mask) [[unlikely]] {
        const bool is_it =
            (lanes.put_backs_ & lane_set::has_put_back_bit) != 0 && item == lanes.put_back_;
        lanes.put_backs_ = static_cast<std::uint8_t>((lanes.put_backs_ & lane_set::put_backs_mask) |
                                                     (is_it ? lane_set::was_put_back_bit : 0));
    }
    return item;
}

bool fair_shard::remove(lane_set& lanes, work_item& item) noexcept {
    DRAMA_ASSERT(running_ == &lanes, "removes outside the running turn");
    if (item.stands_in.load(std::memory_order_relaxed) != &lanes) {
        return false;
    }
    if (policy_ == policy::fifo) {
        arrivals_.forget(lanes, 1);
    }
    add_size(-1);
    lanes.unlink(item, lane_of(item));
    return true;
}

void fair_shard::settle(lane_set& lanes, duration used, instant now) noexcept {
    DRAMA_ASSERT(running_ == &lanes, "settles another turn than the running one");
    running_deadline_.store(no_deadline, std::memory_order_relaxed);
    running_ = nullptr;
    if (ledger_ == nullptr) {
        lanes.share_->charge(used);
    } else {
        ledger_->charge(*lanes.share_, resource_of(id_), used, now);
    }
    served_.note(*lanes.share_, used, now);
    if (lanes.empty()) {
        leave(lanes, now);
    } else {
        apply(lanes.share_->account(id_));
        enqueue(lanes);
        begin_hold(lanes, now);
    }
}

// Work waits from now on, and is held back for as long as its tenant is ahead of the clock: of
// where that was seen last, so perhaps not at all; the end tells.
void fair_shard::begin_hold(lane_set& lanes, instant now) noexcept {
    lanes.note_waiting();
    if (policy_ == policy::fair && before(clock_seen_, position(lanes))) {
        lanes.holds_.begin(now);
    }
}

lane_set* fair_shard::steal_candidate(instant now) noexcept {
    lane_set* first = next(clock_->at(now));
    if (running_ == nullptr || running_->size() < 2) {
        return first;
    }
    return first == nullptr || before(running_->deadline_, first->deadline_) ? running_ : first;
}

std::size_t fair_shard::steal(lane_set& from, lane_set& to, fair_shard& to_shard, std::size_t max,
                              instant now) {
    DRAMA_ASSERT(from.share_ == to.share_, "steals from one tenant for another");
    const std::size_t count = std::min((from.size() + 1) / 2, max);
    if (count == 0) {
        return 0;
    }
    const bool joins = to.state_ == state::absent;
    const virtual_time clock = clock_->at(now);
    if (joins) {
        to_shard.join(to, from.next_class(), clock, now);
    }
    std::array<work_fifo, work_classes> taken;
    for (std::size_t left = count; left != 0; --left) {
        const std::size_t lane = from.next_lane();
        work_item* const item = from.take(lane);
        item->stands_in.store(&to, std::memory_order_relaxed);
        taken[lane].push(*item);
        if (policy_ == policy::fifo) {
            to_shard.arrivals_.add(to);
        }
    }
    for (std::size_t lane = 0; lane != work_classes; ++lane) {
        if (!taken[lane].empty()) {
            to.lanes_[lane].merge(taken[lane]);
            to.filled_ |= static_cast<std::uint8_t>(1U << lane);
        }
    }
    to.count(static_cast<std::int32_t>(count));
    to.note_waiting();
    add_size(-static_cast<std::ptrdiff_t>(count));
    to_shard.add_size(static_cast<std::ptrdiff_t>(count));
    if (policy_ == policy::fifo) {
        arrivals_.forget(from, count);
    } else if (to.state_ != state::running && before(from.deadline_, to.deadline_)) {
        to_shard.hasten(to, from.deadline_);
    }
    if (from.empty() && from.state_ != state::running) {
        unlink(from);
        leave(from, now);
    }
    publish_earliest();
    to_shard.publish_oldest();
    return count;
}

duration fair_shard::head_wait(instant now) noexcept {
    const lane_set* first = next(clock_->at(now));
    return first == nullptr ? duration(0) : now - first->next_queued_at();
}

void fair_shard::add_sums(clock_sums& into) const noexcept {
    for (;;) {
        const std::uint32_t before_read = sequence_.load(std::memory_order_acquire);
        // Each acquires from its release in apply(): who saw one new value sees the new sequence.
        const std::uint64_t moment = moment_.load(std::memory_order_acquire);
        const std::int64_t weight = weight_.load(std::memory_order_acquire);
        if ((before_read & 1) == 0 && sequence_.load(std::memory_order_relaxed) == before_read) {
            const auto members = static_cast<std::uint32_t>(this->members());
            into.moment += moment;
            into.weight += weight;
            into.members += members;
            const bool is_served = is_served_.load(std::memory_order_relaxed);
            into.busy += members != 0 && is_served ? 1 : 0;
            into.held_up += members != 0 && !is_served ? 1 : 0;
            return;
        }
        cpu_pause();
    }
}

void fair_shard::join(lane_set& lanes, work_class cls, virtual_time clock, instant now) {
    clock_seen_ = clock;
    const duration credit = clock_->scaled_slice(slice_of(cls, lanes.share_->latency_setting()));
    if (ledger_ != nullptr) {
        ledger_->join(*lanes.share_);
    }
    const sums_change change =
        lanes.share_->join(id_, clock, credit, debt_longest,
                           {.now = now,
                            .forgiving_rate = clock_->forgiving_rate(),
                            .members_behind = queue_->members_behind(clock)});
    members_.store(static_cast<std::uint32_t>(members() + 1), std::memory_order_relaxed);
    apply(change);
    const virtual_time v = position(lanes);
    const virtual_span request = to_virtual(credit, lanes.share_->weight());
    lanes.deadline_ = advanced(v, request);
    insert(lanes, v, request);
    lanes.waiting_since_.store(now, std::memory_order_relaxed);
    if (policy_ == policy::fair && before(clock, v)) {
        lanes.holds_.begin(now);  // it keeps its debt
    }
}

void fair_shard::leave(lane_set& lanes, instant now) noexcept {
    lanes.state_ = state::absent;
    lanes.holds_.forget();
    members_.store(static_cast<std::uint32_t>(members() - 1), std::memory_order_relaxed);
    apply(lanes.share_->leave(id_, now));
    if (ledger_ != nullptr) {
        ledger_->leave(*lanes.share_);
    }
}

// Puts a lane set that ran, or that was found to have moved on, where it now belongs. A request
// that is used up is followed by another.
void fair_shard::enqueue(lane_set& lanes) noexcept {
    const virtual_time v = position(lanes);
    const virtual_span request = slice(lanes, lanes.next_class());
    const virtual_span left = gap(lanes.deadline_, v);
    if (left <= 0 || left > request) {
        lanes.deadline_ = advanced(v, request);
        insert(lanes, v, request);
    } else {
        // The little that may be left of a request need not be told apart from a quarter.
        insert(lanes, v, std::max(left, request / 4));
    }
}

void fair_shard::insert(lane_set& lanes, virtual_time v, virtual_span request) noexcept {
    if (policy_ == policy::fifo) {
        lanes.state_ = state::arrivals;
        return;
    }
    // A group reaches a few requests ahead. Beyond that, a lane set would be sorted anew each time
    // its group's front comes by.
    virtual_span ahead = gap(v, clock_seen_);
    if (ahead > std::max(far_requests * request, far_least)) [[unlikely]] {
        const virtual_span excess = ahead - to_virtual(debt_longest, lanes.share_->weight());
        if (excess > 0 && suspend_or_forgive(lanes, excess)) {
            v = position(lanes);
            ahead = gap(v, clock_seen_);
        }
        lanes.state_ = state::far;
        far_.insert(lanes, v, ahead / far_requests);
        return;
    }
    lanes.state_ = state::queued;
    groups_.insert(lanes, v, request);
    const virtual_time earliest = earliest_deadline();
    if (!before(clock_seen_, v) && (earliest == no_deadline || before(lanes.deadline_, earliest))) {
        earliest_.store(lanes.deadline_, std::memory_order_relaxed);
    }
}

void fair_shard::unlink(lane_set& lanes) noexcept {
    if (lanes.state_ == state::queued) {
        groups_.remove(lanes);
    } else if (lanes.state_ == state::far) {
        far_.remove(lanes);
        if (lanes.is_suspended_) {
            resume(lanes);
        }
    }
}

// Who was charged a lot, mostly for another resource, would pull the clock up, the mean of all
// members: those that join would be placed behind those that wait, although these had no more than
// others. So it is no member until its turn comes near. Where there are no others it owes no more
// than one that joins may: true then.
bool fair_shard::suspend_or_forgive(lane_set& lanes, virtual_span excess) noexcept {
    if (queue_->sums().weight <= std::int64_t{lanes.share_->counted(id_)}) {
        apply(lanes.share_->account(id_, -excess));
        return true;
    }
    lanes.is_suspended_ = true;
    members_.store(static_cast<std::uint32_t>(members() - 1), std::memory_order_relaxed);
    apply(lanes.share_->suspend(id_));
    return false;
}

// It stands where it stood, or where it has moved since: what it owes is kept, and where it joins
// elsewhere it stands there too. One that borrows is no member for that.
void fair_shard::resume(lane_set& lanes) noexcept {
    lanes.is_suspended_ = false;
    members_.store(static_cast<std::uint32_t>(members() + 1), std::memory_order_relaxed);
    if (gap(position(lanes), clock_seen_) <= to_virtual(debt_longest, lanes.share_->weight())) {
        apply(lanes.share_->account(id_));
    }
}

// More urgent work of a tenant that waits already brings its deadline forward.
void fair_shard::hasten(lane_set& lanes, virtual_time deadline) noexcept {
    if (before(deadline, lanes.deadline_)) {
        const virtual_time v = position(lanes);
        unlink(lanes);
        lanes.deadline_ = deadline;
        insert(lanes, v, std::max<virtual_span>(1, gap(deadline, v)));
    }
}

// A tenant may have been charged elsewhere since it was queued: it then stands too early, never too
// late, so it is enough to look at the first one again.
lane_set* fair_shard::next(virtual_time clock) noexcept {
    if (policy_ == policy::fifo) {
        return arrivals_.front();
    }
    clock_seen_ = clock;
    for (;;) {
        lane_set* first = first_in_line(clock);
        if (first == nullptr) {
            return nullptr;
        }
        const deadline_groups& there = first->state_ == state::far ? far_ : groups_;
        if (!there.is_stale(*first, position(*first))) {
            return first;
        }
        unlink(*first);
        enqueue(*first);
    }
}

lane_set* fair_shard::first_in_line(virtual_time clock) noexcept {
    while (!far_.empty() && !before(clock, far_.least())) {
        lane_set& arrived = *far_.least_ahead();
        unlink(arrived);
        enqueue(arrived);
    }
    if (lane_set* first = groups_.first_eligible(clock)) {
        return first;
    }
    if (far_.empty() || (!groups_.empty() && before(groups_.least(), far_.least()))) {
        return groups_.least_ahead();
    }
    return far_.least_ahead();
}

bool fair_shard::outranks_running(const lane_set& lanes, virtual_time clock) const noexcept {
    return running_ != nullptr && before(lanes.deadline_, running_->deadline_) &&
           !before(clock, position(lanes));
}

void fair_shard::apply(const sums_change& change) noexcept {
    const std::uint64_t moment = moment_.load(std::memory_order_relaxed) + change.moment;
    if (change.weight == 0) {
        moment_.store(moment, std::memory_order_release);  // with it, the weight it goes with
        return;
    }
    const std::uint32_t sequence = sequence_.load(std::memory_order_relaxed);
    sequence_.store(sequence + 1, std::memory_order_relaxed);
    moment_.store(moment, std::memory_order_release);
    weight_.store(weight_.load(std::memory_order_relaxed) + change.weight,
                  std::memory_order_release);
    sequence_.store(sequence + 2, std::memory_order_release);
    note_weight(change.weight);
}

// Between two updates the clock's rate is that of the old weight; a large change cannot wait.
void fair_shard::note_weight(std::int64_t change) noexcept {
    const std::uint32_t generation = clock_->generation();
    if (generation != seen_generation_) {
        seen_generation_ = generation;
        unseen_weight_ = 0;
    }
    unseen_weight_ += change;
    const std::int64_t size = unseen_weight_ < 0 ? -unseen_weight_ : unseen_weight_;
    if (size * 8 > clock_->weight()) {
        clock_->hurry();
    }
}

// After work was taken away. What comes is compared as it is inserted.
void fair_shard::publish_earliest() noexcept {
    if (policy_ == policy::fifo) {
        publish_oldest();
    } else {
        earliest_.store(groups_.earliest(clock_seen_), std::memory_order_relaxed);
    }
}

void fair_shard::publish_oldest() noexcept {
    if (policy_ == policy::fifo) {
        const lane_set* first = arrivals_.front();
        const virtual_time oldest =
            first == nullptr
                ? no_deadline
                : first->next_queued_at().time_since_epoch().count() * virtual_units_per_ns;
        earliest_.store(oldest, std::memory_order_relaxed);
    }
}

}  // namespace drama::inline v0
