// SPDX-License-Identifier: Apache-2.0
// What is next in fair order is in thread_pool_order.cpp, who burns in
// thread_pool_burners.cpp, waiting inside a function in thread_pool_wait.cpp, the end in
// thread_pool_end.cpp.
//
// Growth: whoever starts a function makes sure first that an idle thread is left behind, up to the
// limit, so a submit never starts threads itself except the first. A thread inside wait() raises
// the limit by one: its place is taken meanwhile, so waiting can never use up the pool.
#include "drama/runtime/pool/thread_pool.hpp"

#include <algorithm>
#include <utility>

#include "drama/base/errc.hpp"
#include "drama/base/coverage/mark.hpp"
#include "drama/base/prng.hpp"
#include "drama/coro/frame_pool.hpp"
#include "drama/runtime/gate/begin_gate.hpp"
#include "drama/runtime/world/mishaps.hpp"

namespace drama::inline v0 {
namespace {
thread_local pool_thread* this_pool_thread = nullptr;

constexpr duration unread_longest = std::chrono::microseconds(100);  // its CPU time is let go
// Thread time is dear by the size of the pool, as CPU time is by the number of CPUs.
constexpr std::uint32_t blocking_cheapness = 64;

pool_options within(world_mishaps* mishaps, pool_options options) noexcept {
    if (mishaps != nullptr) {
        options.threads_max = mishaps->threads_max(options.name, options.threads_max);
        options.reserved = std::min(options.reserved, options.threads_max / 8);  // of few, none
    }
    return options;
}

// One number for a function: what costs are learnt by.
drama::spawn_site site_key(const job& work) noexcept {
    std::uint64_t state = reinterpret_cast<std::uintptr_t>(work.function);
    return static_cast<drama::spawn_site>(splitmix64(state));
}

}  // namespace

[[gnu::noinline]] pool_thread* thread_pool::current() noexcept {
    return this_pool_thread;
}

void pool_thread::enter_thread() noexcept {
    this_pool_thread = this;
}

void pool_thread::leave_thread() noexcept {
    this_pool_thread = nullptr;
}

instant pool_thread::step() noexcept {
    return pool_->step(*this);
}

thread_pool::thread_pool(world& in, const pool_options& options)
    : world_(&in),
      mishaps_(in.mishaps()),
      options_(within(mishaps_, options)),
      queue_(options.order,
             static_cast<std::uint32_t>(options_.threads_max + options_.overcommit_max),
             options.queue, options.queue == queue_id::blocking ? blocking_cheapness : 1) {
    queue_.set_class_order(options_.class_order);
    queue_.holds().set_capacity(static_cast<std::uint32_t>(options_.threads_max),
                                static_cast<std::uint32_t>(options_.reserved));
}

thread_pool::~thread_pool() {
    DRAMA_ASSERT(live_ == 0, "a pool dies before its threads");
}

pool_lanes& thread_pool::lanes_of(tenant_record& record) noexcept {
    if (options_.has_own_lanes) {
        return own_lanes_;
    }
    return options_.queue == queue_id::compute ? record.compute_lanes() : record.blocking_lanes();
}

// True if work may start on a new thread: none is idle and the limit allows one.
bool thread_pool::wants_thread_locked() const noexcept {
    const std::size_t limit = options_.threads_max + options_.overcommit_max + waiting_count_ + 1;
    return idle_.empty() && live_ < limit && !stopping_;
}

result<void> thread_pool::submit(job& work) noexcept {
    tenant_record& payer = *work.payer;
    const auto queued_max = static_cast<std::int64_t>(payer.limits().blocking_queue);
    const instant now = world_->clock().now();
    std::unique_lock lock(lock_);
    for (;;) {
        if (stopping_) {
            return fail(errc::shutting_down);
        }
        if (options_.queue == queue_id::blocking &&
            payer.queued_blocking.load(std::memory_order_relaxed) >= queued_max) {
            payer.usage.refused.add(1);
            DRAMA_MARK("pool.queue_full");
            return fail(errc::queue_full);
        }
        if (live_ != 0) {
            break;
        }
        lock.unlock();
        if (!start_thread()) {
            DRAMA_MARK("pool.without_a_thread");
            return fail(errc::thread_unavailable);
        }
        lock.lock();  // meanwhile anything may have happened
    }
    payer.queued_blocking.fetch_add(1, std::memory_order_relaxed);
    work.progress = job::state::queued;
    work.site = site_key(work);
    pool_lanes& lanes = lanes_of(payer);
    queue_.push(lanes, work, now);
    if (options_.board != nullptr) {
        options_.board->join(payer, now);
    }
    const bool may_start = !is_next_reserved_locked() || queue_.is_under_share(lanes);
    pool_thread* const sleeper = !may_start || is_served_locked() ? nullptr : idle_.pop();
    lock.unlock();
    if (sleeper != nullptr) {
        sleeper->spot_->unpark();
    }
    return {};
}

// True if a thread is awake and will soon come to what is queued, because functions are short. If
// one is not, the watchdog sees the queue stand still.
bool thread_pool::is_served_locked() const noexcept {
    return expected_ < served_in_passing && live_ - idle_.count() > waiting_count_;
}

// True if the next function to start is one that only tenants under their share may have.
bool thread_pool::is_next_reserved_locked() const noexcept {
    const std::size_t busy = live_ - idle_.count() - waiting_count_;
    return options_.reserved != 0 && busy + 1 + options_.reserved > options_.threads_max;
}

bool thread_pool::start_thread() noexcept {
    if (!internal::may_allocate("thread", sizeof(pool_thread))) {
        return false;
    }
    try {
        auto body = std::make_unique<pool_thread>(*this, world_->make_parker());
        pool_thread& started = *body;
        const auto servers =
            static_cast<std::uint32_t>(options_.threads_max + options_.overcommit_max);
        std::vector<std::unique_ptr<pool_thread>> ended;
        {
            const std::lock_guard guard(lock_);
            ended.reserve(all_.size());
            all_.reserve(all_.size() + 1);  // nothing below fails half-way
            ++live_;
            const auto gone = std::partition(all_.begin(), all_.end(), [](const auto& each) {
                return !(each->finished_ && each->thread_ != nullptr);
            });
            std::move(gone, all_.end(), std::back_inserter(ended));
            all_.erase(gone, all_.end());
            started.server_ = next_server_++ % servers;
            all_.push_back(std::move(body));
        }
        ended.clear();  // joins outside the lock
        auto thread = try_start_thread(*world_, options_.role, started);
        std::unique_lock lock(lock_);
        if (!thread) {
            std::erase_if(all_, [&](const auto& each) { return each.get() == &started; });
            // Others relied on this thread meanwhile, and there is none at all.
            if (--live_ == 0) {
                give_up_queued(lock, errc::thread_unavailable);
            }
            return false;
        }
        threads_.store(live_, std::memory_order_relaxed);
        started.thread_ = *std::move(thread);
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

instant thread_pool::step(pool_thread& self) noexcept {
    if (self.is_demoted_ && replace_demoted(self)) {
        return never;
    }
    const instant now = world_->clock().now();
    std::unique_lock lock(lock_);
    if (self.is_idle) {
        if (!stopping_ && now - self.idle_since_ < options_.idle_longest) {
            return self.idle_since_ + options_.idle_longest;  // woken for nothing
        }
        idle_.forget(self);
    }
    job* const work = take(lock, self);
    if (work == nullptr) {
        // The last that is free stays while others are busy: who else would take what comes next?
        const bool is_free_to_go = live_ == 1 || !idle_.empty();
        const bool rested =
            self.idle_since_ != long_ago && now - self.idle_since_ >= options_.idle_longest;
        if (stopping_ || (rested && is_free_to_go)) {
            self.finished_ = true;
            --live_;
            threads_.store(live_, std::memory_order_relaxed);
            return never;
        }
        self.idle_since_ = now;
        idle_.push(self);
        return rested ? never : now + options_.idle_longest;  // the last one stays
    }
    self.idle_since_ = long_ago;
    // This thread is busy from now on; is there to be one for what comes next?
    const bool grow = expected_ >= served_in_passing && wants_thread_locked();
    lock.unlock();
    if (grow) {
        start_thread();
    }
    if (options_.begins != nullptr) {
        options_.begins->note_change(*work->payer);
    }
    execute(self, *work);
    return long_ago;
}

void thread_pool::execute(pool_thread& self, job& work) noexcept {
    const bool by_cpu = options_.queue == queue_id::compute;
    const instant began = world_->clock().now();
    if (options_.keeper != nullptr && self.running_ == nullptr) {
        read_cpu(self);
    }
    const duration cpu_began = by_cpu ? world_->thread_cpu_time() : duration::zero();
    job* const outer = std::exchange(self.running_, &work);
    if (work.stop_asked.load(std::memory_order_acquire)) {
        work.given_up = errc::stop_requested;
    } else {
        if (mishaps_ != nullptr) {
            mishaps_->begin_call(options_.name, *work.payer);
        }
        work.run(work);
    }
    self.running_ = outer;
    const instant now = world_->clock().now();
    const duration used = by_cpu ? world_->thread_cpu_time() - cpu_began : now - began;
    count(work, used);
    const bool is_read = options_.keeper != nullptr && outer == nullptr && used >= unread_longest;
    const duration burned = is_read ? read_cpu(self) : duration::zero();
    std::unique_lock lock(lock_);
    if (is_watched()) {
        expected_ = std::max(used, expected_ - expected_ / 8);
    }
    if (outer == nullptr) {
        stop_burning(lock, self, burned);
        queue_.settle(self.grant_, used, now);  // a nested call is part of the outer one's time
        return_permit_locked(self);
    }
    work.progress = job::state::done;
    if (work.waiter != nullptr) {
        work.waiter->unpark();  // under the lock: the waiter leaves only with it
    }
    lock.unlock();
    work.complete(work);
}

void thread_pool::count(const job& work, duration used) const noexcept {
    tenant_usage& usage = work.payer->usage;
    if (options_.queue == queue_id::compute) {
        usage.compute_calls.add(1);
        usage.burn(used);
    } else {
        usage.blocking_calls.add(1);
        usage.blocking_ns.add(static_cast<std::uint64_t>(used.count()));
    }
}

std::size_t thread_pool::queued() const noexcept {
    return queue_.size();
}

duration thread_pool::oldest_wait(instant now) noexcept {
    const std::unique_lock guard(lock_, std::try_to_lock);
    return guard ? queue_.head_wait(now) : duration::zero();
}

hold_watch::judgement thread_pool::hold_so_far(tenant_record& of, instant now) noexcept {
    const std::lock_guard guard(lock_);
    return queue_.hold_so_far(lanes_of(of), now);
}

void thread_pool::expect_long() noexcept {
    DRAMA_MARK("pool.expects_long");
    std::unique_lock lock(lock_);
    expected_ = std::max(expected_, served_in_passing);
    const bool has_work = queue_.size() != 0 && !is_next_reserved_locked();
    pool_thread* const sleeper = has_work ? idle_.pop() : nullptr;
    const bool grow = has_work && sleeper == nullptr && wants_thread_locked();
    lock.unlock();
    if (sleeper != nullptr) {
        sleeper->spot_->unpark();
    } else if (grow) {
        start_thread();
    }
}

void thread_pool::poke() noexcept {
    DRAMA_MARK("pool.poked");
    pool_thread* sleeper = nullptr;
    {
        const std::lock_guard guard(lock_);
        if (queue_.size() != 0) {
            sleeper = idle_.pop();
        }
    }
    if (sleeper != nullptr) {
        sleeper->spot_->unpark();
    }
}

}  // namespace drama::inline v0
