// SPDX-License-Identifier: Apache-2.0
#include "drama/coro/context.hpp"

#include <algorithm>

#include "drama/base/coverage/mark.hpp"

namespace drama::inline v0::internal {

deadline_scope::deadline_scope(runnable& self, instant until) noexcept
    : self_(&self), outer_deadline_(self.deadline) {
    self.push_scope(scope_);
    self.deadline = std::min(self.deadline, until);
    when = until;
    fire = &on_fire;
    if (until != never) {
        self.home->arm(*this);
    }
}

deadline_scope::~deadline_scope() {
    if (when != never) {
        disarm_and_wait(*self_->home, *this);
    }
    self_->deadline = outer_deadline_;
    self_->pop_scope(scope_);
}

void deadline_scope::on_fire(timer_node& timer) noexcept {
    DRAMA_MARK("deadline.expires");
    auto& me = static_cast<deadline_scope&>(timer);
    me.expired_.store(true, std::memory_order_release);
    me.self_->request_stop(me.scope_, errc::deadline_exceeded);
    // Pairs with disarm_and_wait: the last touch of the node.
    me.firing.store(false, std::memory_order_release);
}

}  // namespace drama::inline v0::internal
