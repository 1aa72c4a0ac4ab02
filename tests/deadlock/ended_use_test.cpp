// SPDX-License-Identifier: Apache-2.0
// What is used after it has ended stops a simulated run: a frame, a task, a primitive. And a run in
// which nothing comes of what happens is called a livelock.
#include <gtest/gtest.h>

#include <coroutine>
#include <optional>
#include <string>

#include "drama/coro/sleep.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/oracle/livelock_watch.hpp"
#include "drama/sim/simulation.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/mutex.hpp"

namespace drama {
namespace {

struct place {
    std::optional<mutex> lock{std::in_place};
    event given;
    runnable* task = nullptr;
    std::coroutine_handle<> handle;
};

using body = task<void> (*)(place*);

verdict run(place& at, body one) {
    simulation sim(3);
    runtime_options choice;
    choice.workers = 1;
    choice.log = [](const std::string&) {};
    runtime rt(sim.world(), choice);
    sim.watch(rt);
    EXPECT_TRUE(rt.start());
    EXPECT_TRUE(rt.try_spawn(rt.tenants().get_or_create("acme"), one, &at));
    verdict seen = sim.run_to_verdict();
    EXPECT_TRUE(rt.stop());
    return seen;
}

task<void> lock_what_has_ended(place* at) {
    {
        auto held = co_await at->lock->lock();
        EXPECT_TRUE(held);
    }
    mutex& gone = *at->lock;
    at->lock.reset();
    auto held = co_await gone.lock();
    static_cast<void>(held);
}

TEST(EndedUseDeathTest, OfAPrimitiveIsSaid) {
    place at;
    EXPECT_DEATH(static_cast<void>(run(at, lock_what_has_ended)), "after it was destroyed");
}

struct note_handle {
    place* at;
    void attach(runnable& self) noexcept { at->task = &self; }
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> handle) const noexcept {
        at->handle = handle;
        return false;
    }
    void await_resume() const noexcept {}
};

task<void> short_lived(place* at) {
    note_handle note{at};
    co_await note;
}

task<void> resume_what_has_ended(place* at) {
    co_await short_lived(at);
    at->handle.resume();
}

TEST(EndedUseDeathTest, OfAFrameIsSaid) {
    place at;
    EXPECT_DEATH(static_cast<void>(run(at, resume_what_has_ended)),
                 "a coroutine is resumed after its frame was freed, by a task that was spawned at");
}

task<void> wake_what_has_ended(place* at) {
    auto child = this_runtime().try_spawn(this_runtime().tenant("acme"), short_lived, at);
    EXPECT_TRUE(child);
    auto joined = co_await child->join();
    static_cast<void>(joined);
    runnable& self = co_await this_task();
    self.home->ready(*at->task);
}

TEST(EndedUseDeathTest, OfATaskIsSaid) {
    place at;
    EXPECT_DEATH(static_cast<void>(run(at, wake_what_has_ended)), "a task is woken that has ended");
}

// Two tasks that are polite to each other for ever.
task<void> give_way_for_ever(place* at) {
    for (bool goes_on = true; goes_on;) {
        auto gave_way = co_await yield_now();
        goes_on = gave_way.has_value() && !at->given.is_set();
    }
}

TEST(Livelock, IsCalledSoAndNotLate) {
    place at;
    const verdict seen = run(at, give_way_for_ever);
    EXPECT_EQ(seen.kind, verdict_kind::livelock) << seen.text();
}

TEST(LivelockWatch, JudgesOnlyAfterACalmTail) {
    livelock_watch watch({.steps = 10});
    EXPECT_EQ(watch.look(1, 100), livelock_watch::finding::none);
    EXPECT_EQ(watch.look(1, 109), livelock_watch::finding::none);
    EXPECT_EQ(watch.look(1, 110), livelock_watch::finding::calm_down);
    EXPECT_EQ(watch.look(1, 139), livelock_watch::finding::none);
    EXPECT_EQ(watch.look(1, 140), livelock_watch::finding::livelock);
}

constexpr instant at_ms(int length) {
    return instant(std::chrono::milliseconds(length));
}

TEST(LivelockWatch, WaitsForWhatIsDueSoonEnough) {
    livelock_watch watch({.steps = 10});
    EXPECT_EQ(watch.look(1, 100, at_ms(1'000)), livelock_watch::finding::none);
    EXPECT_EQ(watch.look(1, 110, at_ms(1'010)), livelock_watch::finding::calm_down);
    EXPECT_EQ(watch.horizon(at_ms(1'010)), at_ms(1'210)) << "twenty times as long";
    watch.wait_until(at_ms(1'100));
    EXPECT_EQ(watch.look(1, 190, at_ms(1'099)), livelock_watch::finding::none);
    EXPECT_EQ(watch.look(1, 219, at_ms(1'100)), livelock_watch::finding::none);
    EXPECT_EQ(watch.look(1, 220, at_ms(1'100)), livelock_watch::finding::livelock);

    livelock_watch slower({.steps = 10});
    EXPECT_EQ(slower.look(1, 100, at_ms(1'000)), livelock_watch::finding::none);
    EXPECT_EQ(slower.look(1, 110, at_ms(1'010)), livelock_watch::finding::calm_down);
    slower.wait_until(at_ms(1'210));
    EXPECT_EQ(slower.look(1, 299, at_ms(1'011)), livelock_watch::finding::none);
    EXPECT_EQ(slower.look(1, 329, at_ms(1'011)), livelock_watch::finding::livelock);
}

TEST(LivelockWatch, TakesNoEndlessPassingToAndFroForProgress) {
    livelock_watch watch({.steps = 10, .marks = 3});
    for (const std::uint64_t mark : {1, 2, 3}) {
        EXPECT_EQ(watch.look(mark, 91 + 9 * mark), livelock_watch::finding::none);
    }
    EXPECT_EQ(watch.look(4, 128), livelock_watch::finding::calm_down);
    EXPECT_EQ(watch.look(5, 158), livelock_watch::finding::livelock);
}

TEST(LivelockWatch, BeginsAnewWithEveryMark) {
    livelock_watch watch({.steps = 10});
    EXPECT_EQ(watch.look(1, 100), livelock_watch::finding::none);
    EXPECT_EQ(watch.look(1, 110), livelock_watch::finding::calm_down);
    EXPECT_EQ(watch.look(2, 139), livelock_watch::finding::none);
    EXPECT_EQ(watch.look(2, 148), livelock_watch::finding::none);
    EXPECT_EQ(watch.look(2, 149), livelock_watch::finding::calm_down);
}

}  // namespace
}  // namespace drama
