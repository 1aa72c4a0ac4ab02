// SPDX-License-Identifier: Apache-2.0
// Waits of a pool's own threads: what is waited for runs inline, another thread takes the place
// meanwhile, and a wait that would close a cycle is refused, as is one on a worker.
#include "drama/base/coverage/mark.hpp"
#include "drama/base/errc.hpp"
#include "drama/runtime/core/worker.hpp"
#include "drama/runtime/pool/thread_pool.hpp"

namespace drama::inline v0 {
namespace {

std::string place_of(const std::source_location& site) {
    return std::string(site.file_name()) + ":" + std::to_string(site.line());
}

}  // namespace

std::string describe_refused_wait(const std::source_location& at) {
    return "drama: a task waits at " + place_of(at) +
           " without co_await, and would stop its worker; this wait fails with would_deadlock";
}

result<void> thread_pool::wait(job& work, const std::source_location& at) noexcept {
    pool_thread* const self = current();
    if (internal::current_worker() != nullptr) {
        if (report) {
            report(describe_refused_wait(at));
        }
        return fail(errc::would_deadlock);
    }
    if (self != nullptr && self->pool_ != this) {
        DRAMA_MARK("pool.waits_for_another");
        self->pool_->begin_absence(*self, {.call = &work});
        auto waited = wait_for_call(nullptr, work, at);
        self->pool_->end_absence(*self);
        return waited;
    }
    return wait_for_call(self, work, at);
}

// `mine`: the calling thread if it is this pool's.
result<void> thread_pool::wait_for_call(pool_thread* mine, job& work,
                                        const std::source_location& at) noexcept {
    std::unique_lock lock(lock_);
    if (work.progress == job::state::done) {
        return {};
    }
    const bool inline_able = mine != nullptr && mine->running_ != nullptr &&
                             work.progress == job::state::queued &&
                             work.dropped_from_queue != nullptr;
    if (inline_able && mine->running_->payer == work.payer) {
        run_inline(lock, *mine, work);
        return {};
    }
    return wait_running(lock, mine, work, at);
}

void thread_pool::run_inline(std::unique_lock<sleeping_lock>& lock, pool_thread& self,
                             job& work) noexcept {
    work.ran_inline = true;
    work.progress = job::state::running;
    work.runner = &self;
    work.payer->queued_blocking.fetch_sub(1, std::memory_order_relaxed);
    lock.unlock();
    execute(self, work);
}

// Counts the caller as waiting, so that another may do what is queued. False: there is work, and no
// thread for it could be had.
bool thread_pool::give_place(std::unique_lock<sleeping_lock>& lock) noexcept {
    ++waiting_count_;
    const bool grow = wants_thread_locked() && queue_.size() != 0;
    pool_thread* const sleeper = queue_.size() != 0 ? idle_.pop() : nullptr;
    lock.unlock();
    if (sleeper != nullptr) {
        sleeper->spot_->unpark();
    }
    const bool grown = !grow || start_thread();
    lock.lock();
    return grown;
}

void thread_pool::begin_absence(pool_thread& self, const absence& why) noexcept {
    std::unique_lock lock(lock_);
    self.joins_ = why.root;
    self.visits_ = why.call;
    stop_burning(lock, self, options_.keeper != nullptr ? read_cpu(self) : duration::zero());
    return_permit_locked(self);
    // If no thread can be had now, the watchdog tries again as long as nothing moves.
    static_cast<void>(give_place(lock));
}

void thread_pool::end_absence(pool_thread& self) noexcept {
    DRAMA_MARK("pool.waiter_comes_back");
    const std::lock_guard guard(lock_);
    self.joins_ = nullptr;
    self.visits_ = nullptr;
    --waiting_count_;
    if (options_.permits != nullptr) {
        self.has_permit_ = true;
        options_.permits->take_back();
    }
    begin_burning_locked(self, world_->clock().now());
}

result<void> thread_pool::wait_running(std::unique_lock<sleeping_lock>& lock, pool_thread* self,
                                       job& work, const std::source_location& at) noexcept {
    std::unique_ptr<parker> own_spot;
    parker* spot = self != nullptr ? self->spot_.get() : nullptr;
    if (self != nullptr) {
        if (std::string cycle = describe_cycle_locked(*self, work, at); !cycle.empty()) {
            lock.unlock();
            if (report) {
                report(cycle);
            }
            DRAMA_MARK("pool.refuses_a_cycle");
            return fail(errc::would_deadlock);
        }
        self->waits_for_ = &work;
        self->waits_at_ = &at;
        stop_burning(lock, *self, options_.keeper != nullptr ? read_cpu(*self) : duration::zero());
        const bool grown = give_place(lock);
        if (!grown && work.progress == job::state::queued && work.dropped_from_queue != nullptr) {
            DRAMA_MARK("pool.runs_it_inline");
            // No thread to take our place: run it here, whoever pays, rather than hang.
            self->waits_for_ = nullptr;
            --waiting_count_;
            begin_burning_locked(*self, world_->clock().now());
            run_inline(lock, *self, work);
            return {};
        }
    } else {
        lock.unlock();
        own_spot = world_->make_parker();
        spot = own_spot.get();
        lock.lock();
    }
    DRAMA_ASSERT(work.waiter == nullptr, "a call is waited for by one thread at a time");
    work.waiter = spot;
    while (work.progress != job::state::done) {
        lock.unlock();
        spot->park(duration::max());
        lock.lock();
    }
    work.waiter = nullptr;
    if (self != nullptr) {
        self->waits_for_ = nullptr;
        --waiting_count_;
        begin_burning_locked(*self, world_->clock().now());
    }
    return {};
}

// Follows waiter -> call -> thread that runs it -> call that this thread waits for ...; each thread
// has at most one such edge, so the walk is linear. Empty if it does not come back to `waiter`.
std::string thread_pool::describe_cycle_locked(const pool_thread& waiter, const job& work,
                                               const std::source_location& at) const {
    std::string text = "drama: deadlock of blocking calls: the wait at " + place_of(at);
    const job* next = &work;
    for (std::size_t steps = 0; next != nullptr && steps <= live_; ++steps) {
        const pool_thread* const runner = next->runner;
        if (runner == nullptr) {
            return {};
        }
        text += " is for the call from " + place_of(next->where_from);
        if (runner == &waiter) {
            return text + ", which waits itself; this wait fails with would_deadlock";
        }
        if (runner->waits_for_ == nullptr) {
            return {};
        }
        text += ", which waits at " + place_of(*runner->waits_at_);
        next = runner->waits_for_;
    }
    return {};
}

std::string thread_pool::running_calls() {
    const std::lock_guard guard(lock_);
    std::string text;
    for (const auto& each : all_) {
        if (each->running_ != nullptr) {
            text += std::string("; a ") + options_.name + " call of tenant '" +
                    each->running_->payer->name() + "' from " +
                    place_of(each->running_->where_from);
        }
    }
    return text;
}

}  // namespace drama::inline v0
