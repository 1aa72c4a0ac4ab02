// SPDX-License-Identifier: Apache-2.0
// Three parties meet here: the starter (submits, then suspends), the completer (any core's reap)
// and the stopper (any thread, under the task's stop lock, which keeps the awaiter alive for it).
// One word decides:
//   starter:   starting -> waiting, suspends; finds `done`: goes on at once; finds `cancel_asked`:
//   passes
//              the cancel on first
//   completer: -> done; it was `waiting`: wakes the task; else the starter goes on by itself
//   stopper:   starting -> cancel_asked, or, in `waiting`, cancels in the backend
#include "drama/runtime/io_await.hpp"

#include <cerrno>

#include "drama/base/coverage/mark.hpp"
#include "drama/runtime/engine.hpp"

namespace drama::inline v0::internal {
namespace {

engine& engine_of(const runnable& task) noexcept {
    return static_cast<engine&>(*task.home);
}

}  // namespace

io_system& current_io() noexcept {
    return engine_of(*current_runnable()).io();
}

bool io_awaiter::await_suspend(std::coroutine_handle<> at) noexcept {
    self_->resume_point = at;
    if (!self_->begin_wait(*this)) {
        refused_ = true;
        return self_->gives_way_refused(where);
    }
    if (start() == submission::completed) {
        stage_.store(stage::done, std::memory_order_relaxed);
        if (!must_give_way()) {
            return false;
        }
        self_->set_class(completed_as_);
        self_->home->yield(*self_);
        return true;
    }
    return settle_start();
}

submission io_awaiter::start() noexcept {
    operation::payer = self_->payer;
    if (is_for_disk_) {
        engine_of(*self_).submit_to_disk(static_cast<disk_awaiter&>(*this).request_, *this,
                                         *self_->payer);
        return submission::pending;
    }
    return engine_of(*self_).submit(*this, core_);
}

void io_awaiter::pass_cancel() noexcept {
    DRAMA_MARK("io.cancel_passed_late");
    if (is_for_disk_) {
        engine_of(*self_).cancel_in_disk(static_cast<disk_awaiter&>(*this).request_);
    } else {
        engine_of(*self_).cancel(*this, core_);
    }
}

// True if the task stays suspended. After `waiting` is published this object may be gone.
bool io_awaiter::settle_start() noexcept {
    stage seen = stage::starting;
    if (stage_.compare_exchange_strong(seen, stage::waiting, std::memory_order_acq_rel)) {
        return true;
    }
    if (seen == stage::cancel_asked) {
        pass_cancel();
        seen = stage::cancel_asked;
        if (stage_.compare_exchange_strong(seen, stage::waiting, std::memory_order_acq_rel)) {
            return true;
        }
    }
    return false;  // done
}

void io_awaiter::on_done(operation& op) noexcept {
    auto& me = static_cast<io_awaiter&>(op);
    runnable& task = *me.self_;
    task.set_class(me.completed_as_);
    if (me.stage_.exchange(stage::done, std::memory_order_acq_rel) == stage::waiting) {
        task.home->ready(task);
    }
}

void io_awaiter::on_cancel(wait_record& record) noexcept {
    DRAMA_MARK("io.cancelled");
    auto& me = static_cast<io_awaiter&>(record);
    stage seen = stage::starting;
    if (me.stage_.compare_exchange_strong(seen, stage::cancel_asked, std::memory_order_acq_rel)) {
        return;
    }
    if (seen == stage::waiting) {
        me.pass_cancel();
    }
}

// Operations that complete at once must not let one task run on for ever.
bool io_awaiter::must_give_way() noexcept {
    trampoline& bottom = self_->slot();
    return --bottom.inline_left <= 0 || self_->home->now() >= bottom.turn_ends;
}

result<std::int64_t> io_awaiter::finish() noexcept {
    self_->end_wait();
    if (refused_) {
        return fail(self_->stop_reason());
    }
    self_->set_class(completed_as_);
    if (outcome != -EAGAIN || !does_not_wait(*this)) {  // a try in vain is no operation
        engine_of(*self_).charge(*self_->payer, *this);
    }
    if (is_file_operation(code) && !is_for_disk_ && code != op_code::resolve) {
        engine_of(*self_).note_passed_by_disk(*this, *self_->payer);
    }
    if (outcome >= 0) {
        return outcome;
    }
    if (outcome == -ECANCELED && self_->is_stopping()) {
        return fail(self_->stop_reason());
    }
    return fail(errno_code(static_cast<int>(-outcome)));
}

}  // namespace drama::inline v0::internal
