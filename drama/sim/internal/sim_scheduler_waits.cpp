// SPDX-License-Identifier: Apache-2.0
// How simulated threads, and the owner, wait inside their steps: at wait points, for time to pass,
// at objects of others; and how a group of them is held.
#include <algorithm>
#include <utility>

#include "drama/base/assert.hpp"
#include "drama/runtime/core/worker.hpp"
#include "drama/runtime/pool/thread_pool.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"

namespace drama::inline v0::internal {
namespace {

// Inside the runtime a thread is not interrupted: what it does there takes no user code's time, and
// has tests of its own.
bool is_in_user_code() noexcept {
    if (const worker* const mine = current_worker()) {
        return mine->tenure.is_in_user_code();
    }
    const pool_thread* const pooled = thread_pool::current();
    return pooled != nullptr && pooled->is_in_function();
}

}  // namespace

void sim_scheduler::notify(wait_point& point) noexcept {
    note(sim_event::unpark, point.id);
    point.notified = true;
    wake_waiter(point);
}

void sim_scheduler::wake_waiter(wait_point& point) noexcept {
    sim_thread* const waiter = std::exchange(point.waiter, nullptr);
    if (waiter == nullptr) {
        return;
    }
    waiter->waits_at = nullptr;
    events_.cancel(*waiter);
    make_ready_at(*waiter, now_ns_ + wake_delay_ns(*waiter));
}

void sim_scheduler::wait(wait_point& point, std::int64_t until_ns) noexcept {
    if (point.is_due() || until_ns <= now_ns_) {
        return;
    }
    sim_thread* const self = current_;
    if (self == nullptr) {
        wait_as_owner(point, until_ns);
        return;
    }
    DRAMA_ASSERT(point.waiter == nullptr, "two threads wait at one parker");
    note(sim_event::wait, static_cast<std::uint64_t>(until_ns));
    point.waiter = self;
    self->waits_at = &point;
    ++self->waits;
    if (until_ns != never_ns) {
        make_ready_at(*self, until_ns + wake_delay_ns(*self));
    }
    wait_inside(*self);
}

void sim_scheduler::wait_as_owner(wait_point& point, std::int64_t until_ns) noexcept {
    run_limit limit{.until_ns = until_ns, .point = &point};
    if (until_ns != never_ns) {
        limit.asks = impatience_.asks;
        limit.asked = impatience_.asked;
    }
    const run_end why = run(limit);
    if (why == run_end::idle) {
        stop_in_deadlock("the owner waits and nothing will ever happen");
    }
    if (why == run_end::asked && !point.is_due()) {
        now_ns_ = until_ns;
    }
}

void sim_scheduler::pause_at_access() noexcept {
    if (current_ == nullptr || !is_in_user_code()) {
        accesses_.put_off();
        return;
    }
    const no_access_points guard;
    pass_time(accesses_.next_pause(), true);
}

void sim_scheduler::pass_time(duration length, bool burns) noexcept {
    sim_thread* const self = current_;
    if (self == nullptr || length <= duration::zero()) {
        return;
    }
    note(burns ? sim_event::spend : sim_event::wait, static_cast<std::uint64_t>(length.count()));
    if (burns) {
        self->burns_since_ns = now_ns_;
        burning_max_ = std::max(burning_max_, ++burning_);
    } else {
        ++self->waits;
    }
    const duration taken =
        burns && self->group != nullptr ? duration(self->group->cpu_time(length.count())) : length;
    if (const instant until = saturating_add(instant(duration(now_ns_)), taken); until != never) {
        events_.schedule(*self, until.time_since_epoch().count());
    }
    wait_inside(*self);
    if (burns) {
        self->cpu_ns += now_ns_ - std::exchange(self->burns_since_ns, -1);
        --burning_;
    }
}

// Others run on other OS threads until `self` is picked again.
void sim_scheduler::wait_inside(sim_thread& self) noexcept {
    end_running(self);
    current_ = nullptr;
    ++waiting_inside_;
    sim_thread* const next = pick();
    if (next != &self) {
        carrier& mine = *carrying_;
        self.inside = &mine;
        if (next != nullptr) {
            pass_to(*next);
        } else {
            carrying_ = nullptr;
            owner_turn_.pass();
        }
        mine.turn.wait();
        carrying_ = &mine;
        self.inside = nullptr;
    }
    --waiting_inside_;
    begin_running(self);
    note(sim_event::resume, 0);
}

// Whoever was woken alone and is held before it goes on would keep what it was woken for: another
// one is woken too. Where the first goes on later nevertheless, it has woken for nothing, which
// conditions of the C library are allowed to do, and looks at its lock again.
void sim_scheduler::pass_on_wakes_of(const thread_group& group) noexcept {
    std::vector<const void*> passed;
    for (object_wait* const each : object_waits_) {
        if (each->group == &group && std::exchange(each->is_for_one, false)) {
            passed.push_back(each->object);
        }
    }
    for (const void* const each : passed) {
        wake_at(each, false);
    }
}

void sim_scheduler::hold(thread_group& group) noexcept {
    group.is_held = true;
    pass_on_wakes_of(group);
    std::erase_if(ready_, [&](sim_thread* each) {
        const bool is_of_it = each->group == &group;
        if (is_of_it) {
            group.held.push_back(each);
        }
        return is_of_it;
    });
}

void sim_scheduler::let_go(thread_group& group) noexcept {
    group.is_held = false;
    for (sim_thread* const each : std::exchange(group.held, {})) {
        each->ready_since = choices_;  // nobody passed it over meanwhile
        ready_.push_back(each);
    }
}

bool sim_scheduler::let_holder_go_on(int round) noexcept {
    // Virtual time that grows from half a microsecond to a millisecond a round: a minute in all.
    constexpr int rounds_max = 60'000;
    constexpr int doublings_max = 11;
    if (waiting_inside_ == 0) {
        return false;
    }
    DRAMA_ASSERT(!is_running_,
                 "a check of a simulated run waits for a lock that simulated code holds");
    DRAMA_ASSERT(round < rounds_max && has_events(),
                 "a test waits for a lock that simulated code holds and does not give back");
    run({.until_ns = now_ns_ + (std::int64_t{500} << std::min(round, doublings_max))});
    return true;
}

bool sim_scheduler::wait_at(const void* object, std::int64_t until_ns) noexcept {
    object_wait mine{object, {.id = next_point_id()}, current_->group, until_ns, now_ns_};
    object_waits_.push_back(&mine);
    wait(mine.point, until_ns);
    std::erase(object_waits_, &mine);
    return mine.point.notified;
}

std::int64_t sim_scheduler::last_event_until(std::int64_t most_ns) const noexcept {
    std::int64_t last = events_.last_until(most_ns, &on_due);
    for (const auto& each : threads_) {
        if (each->inside != nullptr && each->is_scheduled() && each->at_ns <= most_ns) {
            last = std::max(last, each->at_ns);
        }
    }
    return last;
}

std::size_t sim_scheduler::waiting_at_objects(std::int64_t least_ns) const noexcept {
    return static_cast<std::size_t>(
        std::ranges::count_if(object_waits_, [&](const object_wait* each) {
            return each->until_ns == never_ns && now_ns_ - each->since_ns >= least_ns &&
                   (each->group == nullptr || !each->group->is_held);
        }));
}

// One that can go on is woken rather than one that is held, which might keep what it gets for ever.
std::size_t sim_scheduler::wake_at(const void* object, bool all) noexcept {
    std::size_t woken = 0;
    object_wait* held = nullptr;
    for (object_wait* const each : object_waits_) {
        if (each->object != object || each->point.notified) {
            continue;
        }
        if (!all && each->group != nullptr && each->group->is_held) {
            held = held == nullptr && !each->group->is_dead ? each : held;
            continue;
        }
        notify(each->point);
        each->is_for_one = !all;
        ++woken;
        if (!all) {
            return woken;
        }
    }
    if (held != nullptr) {
        notify(held->point);
        held->is_for_one = true;
        ++woken;
    }
    return woken;
}

}  // namespace drama::inline v0::internal
