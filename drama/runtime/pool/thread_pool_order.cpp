// SPDX-License-Identifier: Apache-2.0
// Which function a thread of a pool starts next, and what it needs for that: the fair queue's pick,
// and a CPU permit where the pool burns CPUs.
#include "drama/base/clock.hpp"
#include "drama/runtime/pool/thread_pool.hpp"

namespace drama::inline v0 {
namespace {

constexpr duration overcommit_cost_max = std::chrono::milliseconds(2);

}  // namespace

bool thread_pool::take_permit_locked(instant now) noexcept {
    if (options_.permits == nullptr) {
        return true;
    }
    if (options_.rival != nullptr && options_.permits->free() <= 1 &&
        options_.rival->goes_before(next_position_locked(now), now)) {
        return false;
    }
    return options_.permits->try_take();
}

void thread_pool::note_start_locked(const job& work, instant now) noexcept {
    if (options_.decisions == nullptr || !options_.decisions->is_on()) [[likely]] {
        return;
    }
    const auto queued = work.payer->queued();
    options_.decisions->note(
        *work.payer, {.at = now,
                      .queue = options_.queue,
                      .lasted = now - work.queued_at,
                      .lag = owed_to(work.payer->share(), options_.queue, queue_.clock(), now),
                      .value = static_cast<std::int64_t>(
                          options_.queue == queue_id::compute ? queued.compute : queued.blocking),
                      .bound = static_cast<std::int64_t>(queue_.size())});
}

virtual_time thread_pool::next_position(instant now) noexcept {
    const std::lock_guard guard(lock_);
    // Only what can start at once stands in anybody's way.
    return options_.board == nullptr || idle_.empty() ? no_deadline : next_position_locked(now);
}

virtual_time thread_pool::next_position_locked(instant now) noexcept {
    const pool_item* const next = queue_.peek(now);
    return next == nullptr
               ? no_deadline
               : options_.board->position_of(*static_cast<const job*>(next)->payer, now);
}

void thread_pool::return_permit_locked(pool_thread& self) noexcept {
    if (options_.permits == nullptr) {
        return;
    }
    if (self.has_permit_) {
        options_.permits->give_back();
    } else {
        --permits_missing_;
    }
}

void thread_pool::leave_queue_locked(const job& work) noexcept {
    if (options_.board != nullptr) {
        options_.board->part(*work.payer);
    }
}

// The next job in fair order, with what it needs to start; null if none may start now.
job* thread_pool::take(std::unique_lock<sleeping_lock>& lock, pool_thread& self) noexcept {
    const instant now = world_->clock().now();
    while (queue_.size() != 0) {
        const std::size_t busy = live_ - idle_.count() - waiting_count_;
        if (busy > options_.threads_max + options_.overcommit_max) {
            return nullptr;
        }
        self.has_permit_ = take_permit_locked(now);
        if (!self.has_permit_) {
            // Beyond the permits only what should be short may start; the kernel time-slices it.
            if (queue_.prior() > overcommit_cost_max ||
                permits_missing_ >= options_.overcommit_max) {
                return nullptr;
            }
            ++permits_missing_;
        }
        const bool is_reserved = busy + options_.reserved > options_.threads_max;
        self.grant_ = is_reserved && options_.reserved != 0
                          ? queue_.pick_under_share(self.server_, now)
                          : queue_.pick(self.server_, now);
        if (!self.grant_) {
            return_permit_locked(self);
            return nullptr;
        }
        auto* const work = static_cast<job*>(self.grant_.item);
        if (!work->ran_inline) {
            work->progress = job::state::running;
            work->runner = &self;
            if (options_.board != nullptr) {
                self.cpu_seen_ = world_->thread_cpu_time();
                self.cpu_began_.store(self.cpu_seen_, std::memory_order_relaxed);
            }
            begin_burning_locked(self, now);
            leave_queue_locked(*work);
            work->payer->queued_blocking.fetch_sub(1, std::memory_order_relaxed);
            work->payer->usage.pool_wait_ns.add(
                static_cast<std::uint64_t>((now - work->queued_at).count()));
            note_start_locked(*work, now);
            return work;
        }
        queue_.settle(self.grant_, duration(1), now);
        leave_queue_locked(*work);
        return_permit_locked(self);
        lock.unlock();
        work->dropped_from_queue(*work);  // may destroy what the user handed over
        lock.lock();
    }
    return nullptr;
}

}  // namespace drama::inline v0
