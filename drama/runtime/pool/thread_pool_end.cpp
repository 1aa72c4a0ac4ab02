// SPDX-License-Identifier: Apache-2.0
// How a pool ends: what is queued is given up, sleepers wake to end, and threads that are stuck in
// a function are left alone.
#include <utility>

#include "drama/base/coverage/mark.hpp"
#include "drama/runtime/pool/thread_pool.hpp"

namespace drama::inline v0 {

// What is queued completes without having begun, because of `why`.
void thread_pool::give_up_queued(std::unique_lock<sleeping_lock>& lock, errc why) noexcept {
    const instant now = world_->clock().now();
    while (queue_.size() != 0) {
        pool_grant grant = queue_.pick(0, now);
        auto* const work = static_cast<job*>(grant.item);
        queue_.settle(grant, duration(1), now);
        leave_queue_locked(*work);
        if (work->ran_inline) {
            lock.unlock();
            work->dropped_from_queue(*work);
            lock.lock();
            continue;
        }
        work->payer->queued_blocking.fetch_sub(1, std::memory_order_relaxed);
        work->progress = job::state::done;
        work->given_up = why;
        if (work->waiter != nullptr) {
            work->waiter->unpark();
        }
        lock.unlock();
        work->complete(*work);
        lock.lock();
    }
}

void thread_pool::stop() noexcept {
    std::vector<pool_thread*> sleepers;
    std::unique_lock lock(lock_);
    stopping_ = true;
    give_up_queued(lock, errc::shutting_down);
    while (pool_thread* const sleeper = idle_.pop()) {
        sleepers.push_back(sleeper);
    }
    lock.unlock();
    for (pool_thread* const sleeper : sleepers) {
        sleeper->spot_->unpark();
    }
}

std::size_t thread_pool::running_threads() noexcept {
    const std::lock_guard guard(lock_);
    return live_;
}

void thread_pool::detach_running() noexcept {
    DRAMA_MARK("pool.leaves_threads");
    const std::lock_guard guard(lock_);
    for (const auto& each : all_) {
        if (!each->finished_ && each->thread_ != nullptr) {
            each->thread_->detach();
        }
    }
}

}  // namespace drama::inline v0
