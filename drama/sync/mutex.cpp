// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/mutex.hpp"

namespace drama::inline v0 {

void mutex::lock_for(internal::queue_node& node, internal::wake_list& woken) noexcept {
    state_lock.lock();
    if (take(node.self)) {
        woken.add(*node.self);
    } else {
        waiting_.enter(node);
    }
    state_lock.unlock();
}

}  // namespace drama::inline v0
