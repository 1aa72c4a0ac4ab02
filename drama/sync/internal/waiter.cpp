// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/internal/waiter.hpp"

namespace drama::inline v0::internal {

void sync_waiter::prepare(std::coroutine_handle<> at) noexcept {
    self->resume_point = at;
    if (timeout == no_timeout) {
        return;
    }
    if (timeout <= duration::zero()) {
        expired = true;
        return;
    }
    timer.of = this;
    timer.fire = &on_timeout;
    timer.when = saturating_add(self->home->now(), timeout);
    timed = true;
    self->home->arm(timer);
}

void sync_waiter::give_way(std::coroutine_handle<> at) noexcept {
    self->resume_point = at;
    if (published) {
        self->end_wait();
    }
    published = true;
    self->begin_turn_wait(where);
    self->home->yield(*self);
}

bool sync_waiter::enter(waiter_queue& into) noexcept {
    if (expired) {
        outcome = wait_outcome::timed_out;
        return false;
    }
    published = true;
    if (!self->begin_wait(*this)) {
        outcome = wait_outcome::stopped;
        return false;
    }
    into.enter(*this);
    return true;
}

void sync_waiter::withdraw() noexcept {
    if (published) {
        self->end_wait();
    }
    if (timed) {
        disarm_and_wait(*self->home, timer);
    }
}

std::error_code sync_waiter::error() const noexcept {
    switch (outcome) {
        case wait_outcome::closed:
            return errc::closed;
        case wait_outcome::timed_out:
            return errc::deadline_exceeded;
        default:
            return self->stop_reason();
    }
}

void sync_waiter::tell_asked() noexcept {
    task_watcher* const by = self->home->watcher();
    primitive->watcher.store(by, std::memory_order_relaxed);
    by->asks(*self, *this, *primitive);
}

void sync_waiter::tell_outcome() noexcept {
    if (outcome == wait_outcome::granted) {
        self->home->watcher()->took(*self, *this, *primitive, held_count());
    }
}

// What a grant leaves in the task's hands: a lock is one permit, however it is shared.
std::size_t sync_waiter::held_count() const noexcept {
    if (kind == wait_kind::lock) {
        return 1;
    }
    return kind == wait_kind::space ? wants : 0;
}

void sync_waiter::on_cancel(wait_record& record) noexcept {
    auto& me = static_cast<sync_waiter&>(record);
    me.primitive->give_up(me, wait_outcome::stopped);
}

void sync_waiter::on_timeout(timer_node& node) noexcept {
    sync_waiter& me = *static_cast<timeout_timer&>(node).of;
    me.primitive->give_up(me, wait_outcome::timed_out);
}

void sync_base::give_up(sync_waiter& waiter, wait_outcome why) noexcept {
    const bool by_timer = why == wait_outcome::timed_out;
    wake_list woken;
    state_lock.lock();
    if (waiter.line != nullptr) {
        waiter.line->leave(waiter);
        waiter.outcome = why;
        gave_up(waiter, woken);
    } else if (by_timer) {
        waiter.expired = true;
    }
    state_lock.unlock();
    if (by_timer) {
        // Pairs with disarm_and_wait. The last touch of the node: whoever resumes the task, it
        // waits for this before the awaiter goes away.
        waiter.timer.firing.store(false, std::memory_order_release);
    }
    woken.wake();
}

void sync_base::tell_destroyed() noexcept {
    watcher.load(std::memory_order_relaxed)->destroyed(*this);
    state_lock.end_use();
}

void sync_base::tell_watcher_given(std::size_t count) noexcept {
    watcher.load(std::memory_order_relaxed)->gave(*this, count);
}

}  // namespace drama::inline v0::internal
