// SPDX-License-Identifier: Apache-2.0
#include "drama/coro/runnable.hpp"

#include <utility>

#include "drama/base/coverage/mark.hpp"
#include "drama/coro/internal/thread_state.hpp"

namespace drama::inline v0 {

constinit thread_local internal::thread_state internal::this_thread;

[[gnu::noinline]] runnable* current_runnable() noexcept {
    return internal::this_thread.running;
}

[[gnu::noinline]] void runnable::run(trampoline& bottom) noexcept {
    runnable* const before = std::exchange(internal::this_thread.running, this);
    runs_on = &bottom;
    bottom.next = resume_point;
    do {
        std::exchange(bottom.next, nullptr).resume();
    } while (bottom.next);
    // The strand may run on another thread by now, or be gone: only the trampoline is ours.
    internal::this_thread.running = before;
    if (bottom.ended != nullptr) {
        std::exchange(bottom.ended, nullptr)->finish();
    }
}

errc runnable::stop_reason() noexcept {
    errc found{};
    stop_lock_.lock();
    for (const stop_scope* scope = scope_; scope != nullptr && found == errc{};
         scope = scope->outer) {
        found = scope->reason;
    }
    if (found == errc{}) {
        found = root_reason_;
    }
    stop_lock_.unlock();
    return found;
}

void runnable::note_stop(errc& noted, errc reason) noexcept {
    DRAMA_MARK("task.asked_to_stop");
    stop_lock_.lock();
    if (noted == errc{}) {
        noted = reason;
        stop_pending_.store(true, std::memory_order_seq_cst);
        const std::uintptr_t wait = wait_.load(std::memory_order_seq_cst);
        auto* const record = (wait & turn_mark) != 0 ? nullptr : std::bit_cast<wait_record*>(wait);
        if (record != nullptr && record->cancel != nullptr) {
            record->stop_reason = reason;
            record->cancel(*record);
        }
    }
    stop_lock_.unlock();
}

wait_record runnable::turn_record(std::uintptr_t wait) const noexcept {
    wait_record made;
    made.kind = wait_kind::turn;
    made.object = this;
    made.where = std::bit_cast<std::source_location>(wait & ~turn_mark);
    return made;
}

void runnable::push_scope(stop_scope& scope) noexcept {
    stop_lock_.lock();
    scope.outer = scope_;
    scope_ = &scope;
    stop_lock_.unlock();
}

void runnable::pop_scope(stop_scope& scope) noexcept {
    stop_lock_.lock();
    DRAMA_ASSERT(scope_ == &scope, "stop scopes end in the order opposite to their beginning");
    scope_ = scope.outer;
    bool pending = root_reason_ != errc{};
    for (const stop_scope* outer = scope_; outer != nullptr; outer = outer->outer) {
        pending = pending || outer->reason != errc{};
    }
    stop_pending_.store(pending, std::memory_order_seq_cst);
    stop_lock_.unlock();
}

}  // namespace drama::inline v0
