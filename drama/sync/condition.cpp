// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/condition.hpp"

#include "drama/base/coverage/mark.hpp"

namespace drama::inline v0 {

bool condition::wait_awaiter::await_suspend(std::coroutine_handle<> at) noexcept {
    if (given_way) {
        give_way(at);
        return true;
    }
    prepare(at);
    relock.self = self;
    relock.locked = locked;
    condition& of = *target;
    mutex& held = *locked;
    of.state_lock.lock();
    const bool waits = enter(of.waiting_);
    of.state_lock.unlock();
    if (waits) {
        // A notification that came in between has put us into the mutex's own line.
        held.unlock();
        return true;
    }
    return gives_way_after_all(at);
}

void condition::notify(std::size_t at_most) noexcept {
    intrusive_list<internal::queue_node> notified;
    state_lock.lock();
    for (; at_most != 0 && !waiting_.empty(); --at_most) {
        auto& waiter = static_cast<wait_awaiter&>(waiting_.front());
        waiting_.leave(waiter);
        waiter.outcome = internal::wait_outcome::granted;
        notified.push_back(waiter.relock);
    }
    state_lock.unlock();
    // Without the lock: a task may run, and end this condition, as soon as it stands in the line of
    // a mutex that somebody lets go.
    internal::wake_list woken;
    while (internal::queue_node* const node = notified.pop_front()) {
        static_cast<wait_awaiter::relock_node&>(*node).locked->lock_for(*node, woken);
    }
    woken.wake();
}

void condition::gave_up(internal::sync_waiter& gone, internal::wake_list& woken) noexcept {
    DRAMA_MARK("condition.waiter_gave_up");
    auto& waiter = static_cast<wait_awaiter&>(gone);
    waiter.locked->lock_for(waiter.relock, woken);
}

}  // namespace drama::inline v0
