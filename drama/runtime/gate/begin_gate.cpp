// SPDX-License-Identifier: Apache-2.0
// Waker, timer and stop meet at the timer: who disarms it, or fires it, goes on with the task. The
// wait leaves its list under the bucket's lock, by the waker or, at the latest, when it resumes; so
// a waker that holds the lock may look at it. Lock order: bucket, then timer wheel.
#include "drama/runtime/gate/begin_gate.hpp"

#include <mutex>

#include "drama/base/coverage/mark.hpp"
#include "drama/runtime/engine.hpp"

namespace drama::inline v0::internal {
namespace {

engine& engine_of(const runnable& task) noexcept {
    return static_cast<engine&>(*task.home);
}

}  // namespace

begin_awaiter::begin_awaiter(runnable& task, std::source_location at) noexcept
    : sleep_awaiter(instant(begin_gate::longest), true, at),
      gate(&engine_of(task).begins()),
      payer(static_cast<tenant_record*>(task.payer)),
      born(task.home->now()) {
    kind = wait_kind::admission;
}

bool begin_awaiter::await_suspend(std::coroutine_handle<> at) noexcept {
    begin_gate::bucket& mine = gate->bucket_of(*payer);
    const std::lock_guard guard(mine.lock);
    gate->add(mine, *this);
    if (gate->must_wait(*payer, born) && begins(at)) {
        DRAMA_MARK("begin_gate.waits");
        return true;  // it may have gone on already, as far as the lock that we hold
    }
    gate->remove(mine, *this);
    return false;
}

result<void> begin_awaiter::await_resume() noexcept {
    {
        const std::lock_guard guard(gate->bucket_of(*payer).lock);
        if (is_listed) {
            gate->remove(gate->bucket_of(*payer), *this);
        }
    }
    self->end_wait();
    if (self->is_stopping()) {
        return fail(self->stop_reason());
    }
    return {};
}

void begin_gate::add(bucket& to, begin_awaiter& wait) noexcept {
    to.waits.push_back(wait);
    wait.is_listed = true;
    waiting_.fetch_add(1, std::memory_order_relaxed);
}

void begin_gate::remove(bucket& from, begin_awaiter& wait) noexcept {
    from.waits.remove(wait);
    wait.is_listed = false;
    waiting_.fetch_sub(1, std::memory_order_relaxed);
}

void begin_gate::wake_first(const tenant_record& payer) noexcept {
    runnable* woken = nullptr;
    {
        bucket& mine = bucket_of(payer);
        const std::lock_guard guard(mine.lock);
        begin_awaiter* next = mine.waits.empty() ? nullptr : &mine.waits.front();
        while (next != nullptr && woken == nullptr) {
            begin_awaiter& each = *next;
            next = mine.waits.next_of(each);
            if (each.payer != &payer) {
                continue;
            }
            if (must_wait(payer, each.born)) {
                return;  // and so must those that came later
            }
            remove(mine, each);
            if (each.self->home->disarm(each)) {
                woken = each.self;
            }
        }
    }
    if (woken != nullptr) {
        DRAMA_MARK("begin_gate.wakes");
        woken->home->ready(*woken);
    }
}

bool has_nearer_work(runnable& task) noexcept {
    return engine_of(task).begins().must_wait(static_cast<tenant_record&>(*task.payer),
                                              task.home->now());
}

void note_request_ended(runnable& task) noexcept {
    engine_of(task).begins().note_change(static_cast<tenant_record&>(*task.payer));
}

}  // namespace drama::inline v0::internal
