// SPDX-License-Identifier: Apache-2.0
// Lock order: a task's stop lock, then its scope's lock, then a child's stop lock, then primitives.
#include "drama/coro/scope.hpp"

#include "drama/base/coverage/mark.hpp"

namespace drama::inline v0 {

void scope_state::add(internal::spawned& child) noexcept {
    lock_.lock();
    children_.push_back(child);
    ++count_;
    const errc reason = stop_reason_;
    if (reason != errc{}) {
        child.request_stop(reason);
    }
    lock_.unlock();
}

void scope_state::remove(internal::spawned& child) noexcept {
    lock_.lock();
    children_.remove(child);
    runnable* const waiter = --count_ == 0 ? std::exchange(waiter_, nullptr) : nullptr;
    lock_.unlock();
    // Without a waiter the scope may be gone by now; with one it stands until the waiter runs.
    if (waiter != nullptr) {
        waiter->home->ready(*waiter);
    }
}

// A scope without an owner holds the roots of a runtime, which are of many tenants: what one of
// them throws is for its joiner alone, and stops no other.
void scope_state::child_threw(const std::exception_ptr& thrown) noexcept {
    if (owner_ == nullptr) {
        return;
    }
    DRAMA_MARK("scope.child_threw");
    lock_.lock();
    if (!thrown_) {
        thrown_ = thrown;
    }
    lock_.unlock();
    stop(errc::stop_requested);
}

void scope_state::stop(errc reason) noexcept {
    lock_.lock();
    if (stop_reason_ == errc{}) {
        stop_reason_ = reason;
    }
    stop_children_locked();
    lock_.unlock();
}

void scope_state::stop_children_locked() noexcept {
    DRAMA_MARK("scope.stops_children");
    if (children_.empty()) {
        return;
    }
    for (internal::spawned* child = &children_.front(); child != nullptr;
         child = children_.next_of(*child)) {
        child->request_stop(stop_reason_);
    }
}

bool scope_state::add_waiter(runnable& waiter, wait_record& record) noexcept {
    // From here on a stop of the waiter reaches the children through the record. Its reason is
    // asked without the scope's lock: a stop takes the waiter's stop lock first.
    waiter.begin_steady_wait(record);
    if (waiter.is_stopping()) {
        stop(waiter.stop_reason());
    }
    lock_.lock();
    const bool waits = count_ != 0;
    if (waits) {
        waiter_ = &waiter;
    }
    lock_.unlock();
    return waits;
}

}  // namespace drama::inline v0
