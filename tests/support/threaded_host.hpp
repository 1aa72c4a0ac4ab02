// SPDX-License-Identifier: Apache-2.0
// A host of several threads for stress tests: one locked queue, and time that moves by a step a
// turn and jumps to the next timer when nothing else is left to do.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/coro/frame_pool.hpp"
#include "drama/coro/spawn.hpp"
#include "tests/support/test_host.hpp"

namespace drama::testing {

/// Runs tasks on several threads. Threads: all functions from any. Lifetime: outlives its tasks.
class threaded_host final : public host {
  public:
    threaded_host(int threads, std::uint64_t seed) : random_(seed) {
        for (int i = 0; i < threads; ++i) {
            pools_.push_back(std::make_unique<frame_pool>());
        }
        for (int i = 0; i < threads; ++i) {
            threads_.emplace_back([this, i] { work(*pools_[static_cast<std::size_t>(i)]); });
        }
    }
    threaded_host(const threaded_host&) = delete;
    threaded_host& operator=(const threaded_host&) = delete;
    ~threaded_host() {
        wait_until_idle();
        {
            const std::lock_guard held(mutex_);
            leaving_ = true;
        }
        changed_.notify_all();
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }

    template <class F, class... Args>
        requires task_function<F, Args...>
    auto spawn(F f, Args... args) {
        using value = typename std::invoke_result_t<F&, Args...>::value_type;
        auto made = internal::make_spawned(account_, std::move(f), std::move(args)...);
        DRAMA_ASSERT(made.has_value(), "out of memory");
        (*made)->home = this;
        join_handle<value> handle(**made);
        (*made)->launch(nullptr);
        return handle;
    }
    /// Returns when every task has ended. Call it from no task.
    void wait_until_idle() {
        std::unique_lock held(mutex_);
        idle_.wait(held, [this] { return alive_ == 0 && running_ == 0; });
    }
    test_account& account() noexcept { return account_; }

    void ready(runnable& task) noexcept override {
        {
            const std::lock_guard held(mutex_);
            ready_.push_back(&task);
        }
        changed_.notify_one();
    }
    void start(runnable& task) noexcept override {
        {
            const std::lock_guard held(mutex_);
            ++alive_;
            ready_.push_back(&task);
        }
        changed_.notify_one();
    }
    void ended(runnable&) noexcept override {
        const std::lock_guard held(mutex_);
        --alive_;
    }
    void yield(runnable& task) noexcept override { ready(task); }
    instant now() const noexcept override {
        return instant(duration(now_.load(std::memory_order_relaxed)));
    }
    bool arm(timer_node& timer) noexcept override {
        {
            const std::lock_guard held(mutex_);
            if (timer.progress.load(std::memory_order_relaxed) == timer_node::state::refused) {
                return false;
            }
            timer.progress.store(timer_node::state::armed, std::memory_order_relaxed);
            timers_.emplace(timer.when, ++timer_number_, &timer);
            numbers_.emplace(&timer, timer_number_);
        }
        changed_.notify_one();
        return true;
    }
    bool disarm(timer_node& timer) noexcept override {
        const std::lock_guard held(mutex_);
        const auto found = numbers_.find(&timer);
        if (found == numbers_.end()) {
            timer.progress.store(timer_node::state::refused, std::memory_order_relaxed);
            return false;
        }
        timers_.erase({timer.when, found->second, &timer});
        numbers_.erase(found);
        timer.progress.store(timer_node::state::idle, std::memory_order_relaxed);
        return true;
    }
    std::optional<refusal> refuse_root(drama::account&) noexcept override { return std::nullopt; }
    std::uint64_t random() noexcept override {
        const std::lock_guard held(mutex_);
        return random_.next();
    }

  private:
    static constexpr std::int64_t turn_ns = 1000;

    void work(frame_pool& pool) {
        const frame_pool_binding bound(pool);
        std::unique_lock held(mutex_);
        for (;;) {
            if (timer_node* const timer = take_due()) {
                held.unlock();
                timer->fire(*timer);
                held.lock();
            } else if (!ready_.empty()) {
                run_one(held);
            } else if (running_ == 0 && !timers_.empty()) {
                now_.store(std::get<0>(*timers_.begin()).time_since_epoch().count(),
                           std::memory_order_relaxed);
            } else if (leaving_) {
                return;
            } else {
                changed_.wait(held);
            }
        }
    }
    timer_node* take_due() {
        if (timers_.empty() || std::get<0>(*timers_.begin()) > now()) {
            return nullptr;
        }
        timer_node* const timer = std::get<2>(*timers_.begin());
        timers_.erase(timers_.begin());
        numbers_.erase(timer);
        timer->progress.store(timer_node::state::fired, std::memory_order_relaxed);
        timer->firing.store(true, std::memory_order_relaxed);
        return timer;
    }
    void run_one(std::unique_lock<std::mutex>& held) {
        // Mostly in order, sometimes not: schedules that a queue would never show.
        const std::size_t index = random_.below(8) == 0 ? random_.below(ready_.size()) : 0;
        runnable& task = *ready_[index];
        ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(index));
        now_.fetch_add(turn_ns, std::memory_order_relaxed);
        ++running_;
        held.unlock();
        trampoline bottom;
        bottom.now = now();
        bottom.turn_ends = bottom.now + duration(turn_ns);
        task.run(bottom);
        held.lock();
        --running_;
        if (running_ == 0) {
            if (alive_ == 0) {
                idle_.notify_all();
            } else if (ready_.empty()) {
                changed_.notify_one();  // time may jump now
            }
        }
    }

    test_account account_;
    std::vector<std::unique_ptr<frame_pool>> pools_;  // outlive every frame
    std::mutex mutex_;                                // guards what follows
    std::condition_variable changed_;
    std::condition_variable idle_;
    std::deque<runnable*> ready_;
    std::set<std::tuple<instant, std::uint64_t, timer_node*>> timers_;
    std::map<timer_node*, std::uint64_t> numbers_;
    std::uint64_t timer_number_ = 0;
    std::size_t alive_ = 0;
    std::size_t running_ = 0;
    bool leaving_ = false;
    prng random_;
    std::atomic<std::int64_t> now_{1'000'000'000};
    std::vector<std::thread> threads_;
};

}  // namespace drama::testing
