// SPDX-License-Identifier: Apache-2.0
#include "drama/coro/spawn.hpp"

#include <cstdio>

#include "drama/coro/scope.hpp"

namespace drama::inline v0::internal {

spawned* spawned::create(const spawn_frame_request& request, std::coroutine_handle<> frame,
                         promise_base& promise, bool keep_handle) {
    void* const prefix = request.prefix_of(frame.address());
    spawned* const made = prefix != nullptr ? new (prefix) spawned : new spawned;
    made->in_prefix_ = prefix != nullptr;
    made->frame_ = frame;
    made->promise = &promise;
    made->resume_point = frame;
    made->finished = &strand_finished;
    made->references_.store(keep_handle ? 2 : 1, std::memory_order_relaxed);
    return made;
}

void spawned::launch(scope_state* scope) noexcept {
    scope_ = scope;
    if (scope != nullptr) {
        scope->add(*this);
    }
    home->start(*this);
}

void spawned::strand_finished(runnable& self) noexcept {
    static_cast<spawned&>(self).finish();
}

void spawned::finish() noexcept {
    if (scope_ != nullptr && promise->thrown) {
        scope_->child_threw(promise->thrown);
    }
    home->ended(*this);
    lock_.lock();
    done_ = true;
    runnable* const joiner = std::exchange(joiner_, nullptr);
    if (unpark_ != nullptr) {
        unpark_(place_);  // under the lock: the waiter leaves only with it
    }
    lock_.unlock();
    if (joiner != nullptr) {
        joiner->home->ready(*joiner);
    } else if (scope_ == nullptr && references_.load(std::memory_order_acquire) == 1 &&
               promise->thrown) {
        // Only without a handle may the exception be looked at: a late joiner takes it.
        std::fprintf(stderr,
                     "drama: task '%s' (%s:%u) ended with an exception that nobody joined\n", name,
                     site.where.file_name(), static_cast<unsigned>(site.where.line()));
    }
    if (scope_ != nullptr) {
        scope_->remove(*this);
    }
    release();
}

void spawned::release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) {
        return;
    }
    const std::coroutine_handle<> frame = frame_;
    if (in_prefix_) {
        this->~spawned();
        frame.destroy();
    } else {
        frame.destroy();
        delete this;
    }
}

void spawned::wait_foreign(void (*unpark)(void*) noexcept, void (*park)(void*) noexcept,
                           void* place) noexcept {
    lock_.lock();
    unpark_ = unpark;
    place_ = place;
    while (!done_) {
        lock_.unlock();
        park(place);
        lock_.lock();
    }
    unpark_ = nullptr;
    lock_.unlock();
}

bool spawned::add_joiner(runnable& joiner, wait_record& record) noexcept {
    lock_.lock();
    DRAMA_ASSERT(joiner_ == nullptr, "a task is joined by one task at a time");
    const bool waits = !done_ && joiner.begin_wait(record);
    if (waits) {
        joiner_ = &joiner;
    }
    lock_.unlock();
    return waits;
}

bool spawned::remove_joiner(runnable& joiner) noexcept {
    lock_.lock();
    const bool found = joiner_ == &joiner;
    if (found) {
        joiner_ = nullptr;
    }
    lock_.unlock();
    return found;
}

}  // namespace drama::inline v0::internal
