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
    waits_.lock();
    for (const stop_scope* scope = scope_; scope != nullptr && found == errc{};
         scope = scope->outer) {
        found = scope->reason;
    }
    if (found == errc{}) {
        found = root_reason_;
    }
    waits_.unlock();
    return found;
}

void runnable::note_stop(errc& noted, errc reason) noexcept {
    DRAMA_MARK("task.asked_to_stop");
    waits_.lock();
    if (noted == errc{}) {
        noted = reason;
        wait_record* const record = waits_.ask();
        if (record != nullptr && record->cancel != nullptr) {
            record->stop_reason = reason;
            record->cancel(*record);
        }
    }
    waits_.unlock();
}

void runnable::give_way_refused(const std::source_location& at) noexcept {
    DRAMA_MARK("task.refused_over_and_over");
    waits_.end();
    begin_turn_wait(at);
    home->yield(*this);
}

wait_record runnable::turn_record(std::uintptr_t wait) const noexcept {
    wait_record made;
    made.kind = wait_kind::turn;
    made.object = this;
    made.where = std::bit_cast<std::source_location>(wait_word::place_of(wait));
    return made;
}

void runnable::push_scope(stop_scope& scope) noexcept {
    waits_.lock();
    scope.outer = scope_;
    scope_ = &scope;
    waits_.unlock();
}

void runnable::pop_scope(stop_scope& scope) noexcept {
    waits_.lock();
    DRAMA_ASSERT(scope_ == &scope, "stop scopes end in the order opposite to their beginning");
    scope_ = scope.outer;
    bool pending = root_reason_ != errc{};
    for (const stop_scope* outer = scope_; outer != nullptr; outer = outer->outer) {
        pending = pending || outer->reason != errc{};
    }
    waits_.set_pending(pending);
    waits_.unlock();
}

}  // namespace drama::inline v0
