// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/semaphore.hpp"

#include "drama/base/coverage/mark.hpp"

namespace drama::inline v0 {

void semaphore::release(std::size_t count) noexcept {
    tell_given(count);
    internal::wake_list woken;
    state_lock.lock();
    free_ += count;
    hand_over(woken);
    state_lock.unlock();
    woken.wake();
}

void semaphore::hand_over(internal::wake_list& woken) noexcept {
    while (!waiting_.empty() && waiting_.front().wants <= free_) {
        free_ -= waiting_.serve(woken).wants;
    }
}

void semaphore::gave_up(internal::sync_waiter& gone, internal::wake_list& woken) noexcept {
    DRAMA_MARK("semaphore.waiter_gave_up");
    woken.add(*gone.self);
    hand_over(woken);  // it may have held up others that want less
}

}  // namespace drama::inline v0
