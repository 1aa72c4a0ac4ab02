// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/shared_mutex.hpp"

#include "drama/base/coverage/mark.hpp"

namespace drama::inline v0 {

void shared_mutex::unlock(bool exclusive) noexcept {
    tell_given(1);
    internal::wake_list woken;
    state_lock.lock();
    if (exclusive) {
        DRAMA_ASSERT(writer_, "unlocking a shared_mutex that nobody holds");
        writer_ = false;
        holder_.store(nullptr, std::memory_order_relaxed);
    } else {
        DRAMA_ASSERT(readers_ != 0, "unlocking a shared_mutex that nobody shares");
        --readers_;
    }
    hand_over(woken);
    state_lock.unlock();
    woken.wake();
}

void shared_mutex::hand_over(internal::wake_list& woken) noexcept {
    while (!waiting_.empty() && can_take(waiting_.front().wants != 0)) {
        const internal::queue_node& next = waiting_.serve(woken);
        take(next.wants != 0, next.self);
    }
}

void shared_mutex::gave_up(internal::sync_waiter& gone, internal::wake_list& woken) noexcept {
    DRAMA_MARK("shared_mutex.waiter_gave_up");
    woken.add(*gone.self);
    hand_over(woken);  // a writer that gives up no longer holds up the readers behind it
}

}  // namespace drama::inline v0
