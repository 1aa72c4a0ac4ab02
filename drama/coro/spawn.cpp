// SPDX-License-Identifier: Apache-2.0
#include "drama/coro/spawn.hpp"

#include <cstdio>

#include "drama/base/coverage/mark.hpp"
#include "drama/coro/scope.hpp"

namespace drama::inline v0::internal {

spawned* spawned::create(const spawn_frame_request& request, std::coroutine_handle<> frame,
                         void (*end)(runnable&) noexcept) {
    void* const prefix = request.prefix_of(frame.address());
    spawned* const made = prefix != nullptr ? new (prefix) spawned : new spawned;
    made->resume_point = frame;
    made->finished = end;
    return made;
}

void spawned::launch(scope_state* scope, bool is_root) noexcept {
    scope_ = scope;
    if (scope != nullptr) {
        scope->add(*this);
    }
    is_root ? home->start_root(*this) : home->start(*this);
}

void spawned::finish(const std::exception_ptr& thrown, bool is_unjoined) noexcept {
    if (scope_ != nullptr && thrown) {
        scope_->child_threw(thrown);
    }
    home->ended(*this);
    runnable* joiner = nullptr;
    lock_.lock();
    done_.store(true, std::memory_order_release);
    if ((joiner_ & thread_bit) != 0) {
        const auto& waiting = *reinterpret_cast<const thread_joiner*>(joiner_ & ~thread_bit);
        waiting.unpark(waiting.place);  // under the lock: the waiter leaves only with it
    } else {
        joiner = reinterpret_cast<runnable*>(std::exchange(joiner_, 0));
    }
    lock_.unlock();
    if (joiner != nullptr) {
        joiner->home->ready(*joiner);
    } else if (scope_ == nullptr && is_unjoined && thrown) {
        std::fprintf(stderr,
                     "drama: task '%s' (%s:%u) ended with an exception that nobody joined\n", name,
                     site.where.file_name(), static_cast<unsigned>(site.where.line()));
    }
    if (scope_ != nullptr) {
        scope_->remove(*this);
    }
}

// The task ends on the stack of the one that is about to join it and holds the handle: nobody else
// can be waiting, and the last reference is that one's. So neither takes a locked instruction.
void spawned::finish_within(const std::exception_ptr& thrown) noexcept {
    if (scope_ != nullptr && thrown) {
        scope_->child_threw(thrown);
    }
    home->ended(*this);
    DRAMA_ASSERT(joiner_ == 0, "a task is joined by one task at a time");
    done_.store(true, std::memory_order_release);
    if (scope_ != nullptr) {
        scope_->remove(*this);
    }
    references_.store(1, std::memory_order_release);
}

void spawned::free_block(std::size_t frame_bytes) noexcept {
    void* const frame = resume_point.address();
    if (has_prefix(frame)) {
        this->~spawned();
    } else {
        delete this;
    }
    free_frame(frame, frame_bytes);
}

void spawned::wait_foreign(void (*unpark)(void*) noexcept, void (*park)(void*) noexcept,
                           void* place) noexcept {
    const thread_joiner me{unpark, place};
    lock_.lock();
    joiner_ = reinterpret_cast<std::uintptr_t>(&me) | thread_bit;
    while (!done_.load(std::memory_order_relaxed)) {
        lock_.unlock();
        park(place);
        lock_.lock();
    }
    joiner_ = 0;
    lock_.unlock();
}

bool spawned::add_joiner(runnable& joiner, wait_record& record) noexcept {
    lock_.lock();
    DRAMA_ASSERT(joiner_ == 0, "a task is joined by one task at a time");
    const bool waits = !done_.load(std::memory_order_relaxed) && joiner.begin_wait(record);
    if (waits) {
        joiner_ = reinterpret_cast<std::uintptr_t>(&joiner);
    }
    lock_.unlock();
    return waits;
}

bool spawned::remove_joiner(runnable& joiner) noexcept {
    DRAMA_MARK("join.given_up");
    lock_.lock();
    const bool found = joiner_ == reinterpret_cast<std::uintptr_t>(&joiner);
    if (found) {
        joiner_ = 0;
    }
    lock_.unlock();
    return found;
}

}  // namespace drama::inline v0::internal
