// SPDX-License-Identifier: Apache-2.0
// A host for tests of coroutines: one thread, virtual time, first come first served or an order
// drawn from a seed. Nothing runs unless the test says so, so each step can be looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "drama/base/assert.hpp"
#include "drama/base/prng.hpp"
#include "drama/coro/account.hpp"
#include "drama/coro/spawn.hpp"

namespace drama::testing {

/// An account that stands alone, without a tenant.
struct test_account final : account {
    explicit test_account(std::uint64_t id = 1) noexcept : account(id) {}
    ~test_account() = default;
};

/// What happened so far.
struct test_counts {
    std::size_t started = 0;
    std::size_t ended = 0;
    std::size_t readied = 0;
    std::size_t turns = 0;
    std::size_t yielded = 0;
    std::size_t timers_fired = 0;
};

/// Runs tasks on the calling thread. Threads: one. Lifetime: outlives its tasks.
class test_host final : public host {
  public:
    /// Seed 0: first come, first served; any other: the seed picks who runs next.
    explicit test_host(std::uint64_t seed = 0) noexcept : random_(seed), shuffles_(seed != 0) {}
    test_host(const test_host&) = delete;
    test_host& operator=(const test_host&) = delete;
    ~test_host() {
        DRAMA_ASSERT(ready_.empty(), "a test left tasks that are ready to run");
        DRAMA_ASSERT(timers_.empty(), "a test left timers armed");
    }

    /// Starts `f(args...)` as a root task of `account()`; it runs when the test lets it.
    template <class F, class... Args>
        requires task_function<F, Args...>
    auto spawn(F f, Args... args) {
        return spawn_on(account_, std::move(f), std::move(args)...);
    }
    template <class F, class... Args>
        requires task_function<F, Args...>
    auto spawn_on(drama::account& payer, F f, Args... args) {
        using value = typename std::invoke_result_t<F&, Args...>::value_type;
        auto made = internal::make_spawned(payer, std::move(f), std::move(args)...);
        DRAMA_ASSERT(made.has_value(), "out of memory");
        internal::spawned& child = **made;
        child.home = this;
        join_handle<value> handle(child);
        child.launch(nullptr);
        return handle;
    }

    /// Starts a root task whose handle nobody keeps.
    template <class F, class... Args>
        requires task_function<F, Args...>
    void detach(F f, Args... args) {
        static_cast<void>(spawn(std::move(f), std::move(args)...));
    }

    /// Runs `f(args...)` and everything else to the end, and yields its value or throws.
    template <class F, class... Args>
        requires task_function<F, Args...>
    auto run(F f, Args... args) {
        auto handle = spawn(std::move(f), std::move(args)...);
        run_until_idle();
        return take(handle);
    }

    /// The value of a task that has ended; throws what it threw.
    template <class T>
    static T take(join_handle<T>& handle) {
        DRAMA_ASSERT(handle.is_done(), "the task has not ended");
        return handle.get()->template outcome_as<T>().take();
    }

    /// Gives one ready task its turn; false if none is ready.
    bool run_one() noexcept {
        if (ready_.empty()) {
            return false;
        }
        const std::size_t index = shuffles_ ? random_.below(ready_.size()) : 0;
        runnable& task = *ready_[index];
        ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(index));
        ++counts_.turns;
        trampoline bottom;
        bottom.now = now_;
        bottom.turn_ends = saturating_add(now_, turn_length);
        task.run(bottom);
        return true;
    }
    /// Runs until no task is ready. Time stands still.
    void run_ready() noexcept {
        while (run_one()) {
        }
    }
    /// Runs until no task is ready and no timer is armed; time jumps from timer to timer.
    void run_until_idle() noexcept {
        run_ready();
        while (fire_next(never)) {
            run_ready();
        }
    }
    /// Runs until idle and calls `act` before step `at`; a step is one turn or one timer.
    template <class Act>
    void run_and_act(int at, Act act) {
        for (int step = 0;; ++step) {
            if (step == at) {
                act();
            }
            if (!run_one() && !fire_next(never) && step >= at) {
                return;
            }
        }
    }
    /// Lets `span` pass, and everything that is due in it happen at its instant.
    void advance(duration span) noexcept {
        const instant end = saturating_add(now_, span);
        run_ready();
        while (fire_next(end)) {
            run_ready();
        }
        now_ = end;
    }
    /// Lets `span` pass inside the running turn: nothing happens meanwhile.
    void advance_clock(duration span) noexcept { now_ = saturating_add(now_, span); }
    /// Fires the first timer that is due by `limit`, without running anybody.
    bool fire_next(instant limit) noexcept {
        if (timers_.empty() || std::get<0>(*timers_.begin()) > limit) {
            return false;
        }
        const auto [when, number, timer] = *timers_.begin();
        timers_.erase(timers_.begin());
        numbers_.erase(timer);
        now_ = std::max(now_, when);
        timer->progress.store(timer_node::state::fired, std::memory_order_relaxed);
        timer->firing.store(true, std::memory_order_relaxed);
        ++counts_.timers_fired;
        timer->fire(*timer);
        return true;
    }

    const test_counts& counts() const noexcept { return counts_; }
    std::size_t alive() const noexcept { return counts_.started - counts_.ended; }
    std::size_t ready_size() const noexcept { return ready_.size(); }
    std::size_t timers_armed() const noexcept { return timers_.size(); }
    test_account& account() noexcept { return account_; }

    /// How long checkpoint goes on without giving way; zero: never.
    duration turn_length = duration::zero();
    /// Called inside `arm`, before the timer is armed: what happens between publication and wait.
    std::function<void()> before_arm;
    /// Called inside `arm`, when the timer is armed: what happens before the waiter stands in line.
    std::function<void()> after_arm;
    /// What the gate for roots says.
    std::optional<refusal> gate;
    /// Weights of accounts by number, in 1/1024; others have weight 1.
    std::map<std::uint64_t, std::uint32_t> weights;
    /// What limits held back.
    duration throttled{};
    duration throttled_items{};

    void ready(runnable& task) noexcept override {
        ++counts_.readied;
        ready_.push_back(&task);
    }
    void start(runnable& task) noexcept override {
        task.id = ++counts_.started;
        ready_.push_back(&task);
    }
    void ended(runnable&) noexcept override { ++counts_.ended; }
    void yield(runnable& task) noexcept override {
        ++counts_.yielded;
        ready_.push_back(&task);
    }
    instant now() const noexcept override { return now_; }
    bool arm(timer_node& timer) noexcept override {
        if (before_arm) {
            std::exchange(before_arm, nullptr)();
        }
        if (timer.progress.load(std::memory_order_relaxed) == timer_node::state::refused) {
            return false;
        }
        timer.progress.store(timer_node::state::armed, std::memory_order_relaxed);
        timers_.emplace(timer.when, ++timer_number_, &timer);
        numbers_.emplace(&timer, timer_number_);
        if (after_arm) {
            std::exchange(after_arm, nullptr)();
        }
        return true;
    }
    bool disarm(timer_node& timer) noexcept override {
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
    std::optional<refusal> refuse_root(drama::account&) noexcept override { return gate; }
    std::uint32_t weight_of(const drama::account& payer) const noexcept override {
        const auto found = weights.find(payer.id());
        return found == weights.end() ? 1024 : found->second;
    }
    void note_throttled(drama::account&, duration held, duration of_items) noexcept override {
        throttled += held;
        throttled_items += of_items;
    }
    std::uint64_t random() noexcept override { return random_.next(); }

  private:
    std::deque<runnable*> ready_;
    std::set<std::tuple<instant, std::uint64_t, timer_node*>> timers_;
    std::map<timer_node*, std::uint64_t> numbers_;
    std::uint64_t timer_number_ = 0;
    instant now_ = instant(std::chrono::seconds(1000));
    prng random_;
    bool shuffles_;
    test_counts counts_;
    test_account account_;
};

}  // namespace drama::testing
