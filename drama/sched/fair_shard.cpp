// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/fair_shard.hpp"

#include <algorithm>
#include <array>

#include "drama/sched/fair_queue.hpp"

namespace drama::inline v0 {

bool fair_shard::push(lane_set& lanes, work_item& item, instant now) {
    const virtual_time clock = clock_->at(now);
    if (policy_ == policy::fifo) {
        arrivals_.add(lanes);
    }
    const bool joins = lanes.state_ == state::absent;
    if (joins) {
        join(lanes, item.cls, clock);
    }
    item.queued_at = now;
    lanes.append(item, lane_of(policy_, item));
    add_size(1);
    if (lanes.state_ == state::running) {
        return false;
    }
    bool urgent = false;
    if (policy_ == policy::fair) {
        if (!joins) {
            hasten(lanes, item.cls);
        }
        urgent = outranks_running(lanes, clock);
    }
    publish_earliest();
    return urgent;
}

turn fair_shard::pick(instant now) noexcept {
    DRAMA_ASSERT(running_ == nullptr, "picks while a turn is running");
    queue_->maybe_update(now);
    lane_set* chosen = next(clock_->at(now));
    if (chosen == nullptr) {
        return {};
    }
    unlink(*chosen);
    chosen->state_ = state::running;
    running_ = chosen;
    publish_earliest();
    return {.lanes = chosen, .ends = now + clock_->quantum_now()};
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
    return lanes.take(lanes.next_lane());
}

void fair_shard::settle(lane_set& lanes, duration used, instant now) noexcept {
    DRAMA_ASSERT(running_ == &lanes, "settles another turn than the running one");
    running_ = nullptr;
    lanes.share_->charge(used);
    if (lanes.empty()) {
        leave(lanes);
    } else {
        apply(lanes.share_->account(id_));
        enqueue(lanes, clock_->at(now));
    }
    publish_earliest();
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
        to_shard.join(to, from.next_class(), clock);
    }
    std::array<work_fifo, work_classes> taken;
    for (std::size_t left = count; left != 0; --left) {
        const std::size_t lane = from.next_lane();
        taken[lane].push(*from.take(lane));
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
    to.size_ += static_cast<std::uint32_t>(count);
    add_size(-static_cast<std::ptrdiff_t>(count));
    to_shard.add_size(static_cast<std::ptrdiff_t>(count));
    if (policy_ == policy::fifo) {
        arrivals_.forget(from, count);
    } else if (to.state_ != state::running && before(from.deadline_, to.deadline_)) {
        to_shard.raise(to, from.deadline_);
    }
    if (from.empty() && from.state_ != state::running) {
        unlink(from);
        leave(from);
    }
    publish_earliest();
    to_shard.publish_earliest();
    return count;
}

duration fair_shard::head_wait(instant now) noexcept {
    const lane_set* first = next(clock_->at(now));
    return first == nullptr ? duration(0) : now - first->next_queued_at();
}

void fair_shard::add_sums(clock_sums& into) const noexcept {
    for (;;) {
        const std::uint32_t before_read = sequence_.load(std::memory_order_acquire);
        const std::uint64_t moment = moment_.load(std::memory_order_relaxed);
        const std::int64_t weight = weight_.load(std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_acquire);
        if ((before_read & 1) == 0 && sequence_.load(std::memory_order_relaxed) == before_read) {
            const std::uint32_t members = published_members_.load(std::memory_order_relaxed);
            into.moment += moment;
            into.weight += weight;
            into.members += members;
            into.busy += members != 0 ? 1 : 0;
            return;
        }
        cpu_pause();
    }
}

void fair_shard::join(lane_set& lanes, work_class cls, virtual_time clock) {
    eligible_.reserve(members_ + 1);
    waiting_.reserve(members_ + 1);
    const duration credit = clock_->scaled_slice(slice_of(cls, lanes.share_->latency_setting()));
    const sums_change change = lanes.share_->join(id_, clock, credit);
    ++members_;
    publish_members();
    apply(change);
    lanes.deadline_ = advanced(position(lanes), slice(lanes, cls));
    if (policy_ == policy::fifo) {
        lanes.state_ = state::arrivals;
        return;
    }
    const virtual_time v = position(lanes);
    const bool is_eligible = !before(clock, v);
    lanes.state_ = is_eligible ? state::eligible : state::waiting;
    (is_eligible ? eligible_ : waiting_).insert(lanes, is_eligible ? lanes.deadline_ : v);
}

void fair_shard::leave(lane_set& lanes) noexcept {
    lanes.state_ = state::absent;
    --members_;
    publish_members();
    apply(lanes.share_->leave(id_));
}

// Puts a lane set that ran, or whose key was stale, where its position now belongs.
void fair_shard::enqueue(lane_set& lanes, virtual_time clock) noexcept {
    if (policy_ == policy::fifo) {
        lanes.state_ = state::arrivals;
        return;
    }
    const virtual_time v = position(lanes);
    const virtual_time renewed = advanced(v, slice(lanes, lanes.next_class()));
    if (!before(v, lanes.deadline_) || before(renewed, lanes.deadline_)) {
        lanes.deadline_ = renewed;
    }
    const bool is_eligible = !before(clock, v);
    lanes.state_ = is_eligible ? state::eligible : state::waiting;
    (is_eligible ? eligible_ : waiting_).insert(lanes, is_eligible ? lanes.deadline_ : v);
}

void fair_shard::unlink(lane_set& lanes) noexcept {
    if (lanes.state_ == state::eligible) {
        eligible_.remove(lanes);
    } else if (lanes.state_ == state::waiting) {
        waiting_.remove(lanes);
    }
}

// More urgent work of a tenant that waits already brings its deadline forward.
void fair_shard::hasten(lane_set& lanes, work_class cls) noexcept {
    const virtual_time due = advanced(position(lanes), slice(lanes, cls));
    if (before(due, lanes.deadline_)) {
        raise(lanes, due);
    }
}

void fair_shard::raise(lane_set& lanes, virtual_time deadline) noexcept {
    lanes.deadline_ = deadline;
    if (lanes.state_ == state::eligible) {
        eligible_.change(lanes, deadline);
    }
}

void fair_shard::release_eligible(virtual_time clock) noexcept {
    while (!waiting_.empty() && !before(clock, waiting_.front().key)) {
        lane_set& lanes = *waiting_.front().lanes;
        waiting_.pop();
        enqueue(lanes, clock);
    }
}

// A tenant may have been charged elsewhere since it was queued: its key is then too early, never
// too late, so it is enough to look at the first one again.
lane_set* fair_shard::next(virtual_time clock) noexcept {
    if (policy_ == policy::fifo) {
        return arrivals_.front();
    }
    release_eligible(clock);
    return first_in_line(clock);
}

lane_set* fair_shard::first_in_line(virtual_time clock) noexcept {
    while (!eligible_.empty()) {
        lane_set& lanes = *eligible_.front().lanes;
        if (!before(clock, position(lanes))) {
            return &lanes;
        }
        eligible_.pop();
        enqueue(lanes, clock);
    }
    while (!waiting_.empty()) {
        const virtual_heap::entry first = waiting_.front();
        const virtual_time v = position(*first.lanes);
        if (!before(first.key, v)) {
            return first.lanes;
        }
        waiting_.change(*first.lanes, v);
    }
    return nullptr;
}

bool fair_shard::outranks_running(const lane_set& lanes, virtual_time clock) const noexcept {
    return running_ != nullptr && before(lanes.deadline_, running_->deadline_) &&
           !before(clock, position(lanes));
}

void fair_shard::apply(const sums_change& change) noexcept {
    const std::uint64_t moment = moment_.load(std::memory_order_relaxed) + change.moment;
    if (change.weight == 0) {
        moment_.store(moment, std::memory_order_relaxed);
        return;
    }
    const std::uint32_t sequence = sequence_.load(std::memory_order_relaxed);
    sequence_.store(sequence + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    moment_.store(moment, std::memory_order_relaxed);
    weight_.store(weight_.load(std::memory_order_relaxed) + change.weight,
                  std::memory_order_relaxed);
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

void fair_shard::publish_members() noexcept {
    published_members_.store(members_, std::memory_order_relaxed);
}

void fair_shard::publish_earliest() noexcept {
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
