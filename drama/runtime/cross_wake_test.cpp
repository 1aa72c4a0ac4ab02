// SPDX-License-Identifier: Apache-2.0
// Wakes from one worker to another: each must reach the task, and all that the waker wrote with it.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>

#include "drama/coro/when.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama {
namespace {

/// Moves the awaiting task to one worker, for good.
struct pin_to {
    std::uint16_t worker;
    runnable* self = nullptr;

    void attach(runnable& task) noexcept { self = &task; }
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> at) noexcept {
        self->resume_point = at;
        self->core = worker;
        self->pinned = true;
        self->home->ready(*self);
    }
    void await_resume() const noexcept {}
};

/// What two tasks hand to and fro. Counts a wake only when it found the other one asleep.
class baton {
  public:
    struct [[nodiscard]] awaiter {
        baton* target;
        int side;
        runnable* self = nullptr;

        void attach(runnable& task) noexcept { self = &task; }
        bool await_ready() const noexcept { return false; }
        bool await_suspend(std::coroutine_handle<> at) noexcept {
            self->resume_point = at;
            return target->sleep(side, *self);
        }
        void await_resume() const noexcept {}
    };

    /// Suspends: until the other side has passed the baton. One task a side.
    awaiter wait(int side) noexcept { return {this, side}; }

    /// Passes it to the other side.
    void pass(int to) noexcept {
        auto& place = places_[static_cast<std::size_t>(to)];
        std::uintptr_t nobody = empty;
        if (place.compare_exchange_strong(nobody, given, std::memory_order_acq_rel)) {
            return;  // it is awake still and finds the baton when it wants it
        }
        place.store(empty, std::memory_order_relaxed);
        auto& sleeper = *reinterpret_cast<runnable*>(nobody);
        ++wakes;
        sleeper.home->ready(sleeper);
    }

    // Plain: whoever has the baton writes them.
    int wakes = 0;
    int passes = 0;
    std::uint16_t last_worker = 0;
    int passes_within_a_worker = 0;

  private:
    static constexpr std::uintptr_t empty = 0;
    static constexpr std::uintptr_t given = 1;

    bool sleep(int side, runnable& task) noexcept {
        auto& place = places_[static_cast<std::size_t>(side)];
        std::uintptr_t nobody = empty;
        if (place.compare_exchange_strong(nobody, reinterpret_cast<std::uintptr_t>(&task),
                                          std::memory_order_acq_rel)) {
            return true;
        }
        place.store(empty, std::memory_order_relaxed);
        return false;
    }

    std::array<std::atomic<std::uintptr_t>, 2> places_{};
};

/// The worker that runs the calling task, as the runtime noted it for this very poll.
std::uint16_t worker_of_this_task() {
    return current_runnable()->core;
}

task<void> play(baton* shared, int side, int wakes_wanted) {
    pin_to place{static_cast<std::uint16_t>(side)};
    co_await std::move(place);
    if (side == 1) {
        co_await shared->wait(side);
    }
    for (;;) {
        const std::uint16_t here = worker_of_this_task();
        shared->passes_within_a_worker += shared->passes > 0 && here == shared->last_worker ? 1 : 0;
        shared->last_worker = here;
        ++shared->passes;
        const bool enough = shared->wakes >= wakes_wanted;
        shared->pass(1 - side);
        if (enough) {
            co_return;
        }
        co_await shared->wait(side);
    }
}

task<result<void>> play_in_scope(scope_handle scope, std::deque<baton>* batons, int wakes) {
    for (baton& each : *batons) {
        for (const int side : {0, 1}) {
            auto player = scope.spawn(play, &each, side, wakes);
            if (!player) {
                co_return fail(player.error());
            }
        }
    }
    co_return result<void>();
}

task<result<void>> play_all(std::deque<baton>* batons, int wakes) {
    co_return co_await in_scope(play_in_scope, batons, wakes);
}

/// Plays with `pairs` batons on two workers until each has woken `wakes` sleepers.
void expect_wakes(int pairs, int wakes) {
    runtime_options options;
    options.workers = 2;
    options.log = [](const std::string&) {};
    runtime rt(options);
    ASSERT_TRUE(rt.start());
    std::deque<baton> batons(static_cast<std::size_t>(pairs));
    const auto ended = rt.sync_wait(rt.tenants().system(), play_all, &batons, wakes);
    EXPECT_TRUE(ended) << ended.error().message();
    EXPECT_TRUE(rt.stop());
    for (const baton& each : batons) {
        EXPECT_GE(each.wakes, wakes);
        EXPECT_EQ(each.passes_within_a_worker, 0);
    }
}

TEST(CrossWake, AMillionReachTheOtherWorkerWhileBothAreBusy) {
    expect_wakes(64, 1'000'000 / 64);
}

TEST(CrossWake, AMillionReachTheOtherWorkerThatSleepsMeanwhile) {
    expect_wakes(1, 1'000'000);
}

}  // namespace
}  // namespace drama
