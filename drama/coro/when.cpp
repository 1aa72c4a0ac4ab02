// SPDX-License-Identifier: Apache-2.0
#include "drama/coro/when.hpp"

#include "drama/base/coverage/mark.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/watch/task_watcher.hpp"

namespace drama::inline v0::internal {

void when_group::start(runnable& parent) noexcept {
    for (when_child& child : children_) {
        child.inherit(parent);
        child.site.function = parent.site.function;
        child.group = this;
        child.finished = &child_finished;
    }
    for (when_child& child : children_) {
        parent.home->start(child);
    }
}

void when_group::child_finished(runnable& child) noexcept {
    auto& me = static_cast<when_child&>(child);
    me.group->finish(me);
}

void when_group::finish(when_child& child) noexcept {
    child.home->ended(child);
    const bool decides = child.succeeded(*child.promise) == (rule_ == rule::any);
    lock_.lock();
    const bool decided_now = decides && decided_by_ == static_cast<std::size_t>(-1);
    if (decided_now) {
        decided_by_ = static_cast<std::size_t>(&child - children_.data());
    }
    lock_.unlock();
    if (decided_now) {
        stop_all(errc::stop_requested);  // the group stands: this child still counts
    }
    lock_.lock();
    runnable* const waiter = --pending_ == 0 ? std::exchange(waiter_, nullptr) : nullptr;
    lock_.unlock();
    if (waiter != nullptr) {
        waiter->home->ready(*waiter);
    }
}

void when_group::stop_all(errc reason) noexcept {
    DRAMA_MARK("when.stops_the_others");
    for (when_child& child : children_) {
        child.request_stop(reason);
    }
}

bool when_group::add_waiter(runnable& waiter, wait_record& record) noexcept {
    // From here on a stop of the waiter reaches the children through the record.
    waiter.begin_steady_wait(record);
    if (waiter.is_stopping()) {
        stop_all(waiter.stop_reason());
    }
    lock_.lock();
    const bool waits = pending_ != 0;
    if (waits) {
        waiter_ = &waiter;
    }
    lock_.unlock();
    return waits;
}

const void* group_of(const runnable& task) noexcept {
    if (when_group::is_child(task)) {
        return static_cast<const when_child&>(task).group;
    }
    return static_cast<const spawned&>(task).scope();
}

}  // namespace drama::inline v0::internal
