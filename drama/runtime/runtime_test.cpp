// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/runtime.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/runtime/blocking.hpp"

namespace drama {
namespace {

runtime_options quiet(std::size_t workers = 2) {
    runtime_options options;
    options.workers = workers;
    options.log = [](const std::string&) {};
    return options;
}

task<int> answer() {
    co_return 42;
}

task<result<int>> child_sum(int count) {
    int sum = 0;
    for (int i = 0; i < count; ++i) {
        auto value = co_await answer();
        sum += value / 42;
    }
    co_return sum;
}

TEST(Runtime, RunsAMillionReadyAwaitsInARow) {
    runtime rt(quiet());

    const auto sum = rt.run(child_sum(1'000'000));

    ASSERT_TRUE(sum);
    EXPECT_EQ(*sum, 1'000'000);
}

task<void> bump(std::atomic<int>* counter) {
    counter->fetch_add(1);
    co_return;
}

task<result<void>> spawn_many(scope_handle scope, std::atomic<int>* counter, int count) {
    for (int i = 0; i < count; ++i) {
        auto child = scope.spawn(bump, counter);
        if (!child) {
            co_return fail(child.error());
        }
        if (i % 1000 == 0) {
            auto gone_on = co_await yield_now();
            if (!gone_on) {
                co_return fail(gone_on.error());
            }
        }
    }
    co_return result<void>();
}

TEST(Runtime, RunsAMillionSpawnedTasks) {
    runtime rt(quiet());
    std::atomic<int> counter{0};

    const auto done = rt.run(in_scope(spawn_many, &counter, 1'000'000));

    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(counter.load(), 1'000'000);
    EXPECT_EQ(rt.stats().tasks_alive, 0);
}

task<result<int>> sleeper(duration span) {
    auto slept = co_await sleep_for(span);
    if (!slept) {
        co_return fail(slept.error());
    }
    co_return 7;
}

task<result<int>> bounded_sleep() {
    auto late = co_await with_deadline(5ms, sleeper(10s));
    co_return late ? 0 : late.error() == errc::deadline_exceeded ? 1 : 2;
}

TEST(Runtime, EndsASleepAtItsDeadline) {
    runtime rt(quiet());

    const auto outcome = rt.run(bounded_sleep());

    ASSERT_TRUE(outcome);
    EXPECT_EQ(*outcome, 1);
}

task<result<int>> sleeps_together() {
    auto both = co_await when_all(sleeper(1ms), sleeper(2ms));
    if (!both) {
        co_return fail(both.error());
    }
    co_return std::get<0>(*both) + std::get<1>(*both);
}

TEST(Runtime, SleepsOnSeveralWorkersAtOnce) {
    runtime rt(quiet());

    const auto outcome = rt.run(sleeps_together());

    ASSERT_TRUE(outcome);
    EXPECT_EQ(*outcome, 14);
}

int square(int of) {
    return of * of;
}

task<result<int>> three_kinds() {
    auto blocked = co_await blocking(square, 3);
    if (!blocked) {
        co_return fail(blocked.error());
    }
    auto computed = co_await compute(square, *blocked);
    if (!computed) {
        co_return fail(computed.error());
    }
    co_return *computed;
}

TEST(Runtime, RunsThreeKindsOfWorkInOneTask) {
    runtime rt(quiet());

    const auto outcome = rt.run(three_kinds());

    ASSERT_TRUE(outcome);
    EXPECT_EQ(*outcome, 81);
}

task<int> on_worker() {
    co_return 5;
}

TEST(Runtime, TakesWorkFromForeignThreads) {
    runtime rt(quiet());
    ASSERT_TRUE(rt.start());
    std::atomic<int> sum{0};
    std::vector<std::thread> threads;

    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&rt, &sum] {
            for (int j = 0; j < 200; ++j) {
                const auto value = rt.sync_wait(rt.tenants().get_or_create("gold"), on_worker);
                sum += value.value_or(0);
            }
        });
    }
    for (auto& each : threads) {
        each.join();
    }

    EXPECT_EQ(sum.load(), 4000);
    EXPECT_TRUE(rt.stop());
}

TEST(Runtime, TwoLiveInOneProcess) {
    runtime one(quiet(1));
    runtime two(quiet(1));
    ASSERT_TRUE(one.start());
    ASSERT_TRUE(two.start());

    const auto first = one.sync_wait(one.tenants().system(), on_worker);
    const auto second = two.sync_wait(two.tenants().system(), on_worker);

    EXPECT_EQ(first.value_or(0) + second.value_or(0), 10);
    EXPECT_TRUE(one.stop());
    EXPECT_TRUE(two.stop());
}

TEST(Runtime, RefusesRootsAfterItWasStopped) {
    runtime rt(quiet());
    ASSERT_TRUE(rt.start());
    ASSERT_TRUE(rt.stop());

    const auto refused = rt.try_spawn(rt.tenants().system(), on_worker);
    const auto unjoined = rt.handle().spawn(rt.tenants().system(), on_worker);
    const auto awaited = rt.sync_wait(rt.tenants().system(), on_worker);

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, refusal_reason::shutting_down);
    ASSERT_FALSE(unjoined);
    EXPECT_EQ(unjoined.error().reason, refusal_reason::shutting_down);
    ASSERT_FALSE(awaited);
    EXPECT_EQ(awaited.error(), errc::shutting_down);
}

TEST(Runtime, WaitsForATaskEvenWhenNoRootIsAdmitted) {
    auto options = quiet();
    options.tasks_max = 1;
    runtime rt(options);
    ASSERT_TRUE(rt.start());
    auto only = rt.try_spawn(rt.tenants().system(), sleeper, 1h);
    ASSERT_TRUE(only);
    EXPECT_FALSE(rt.try_spawn(rt.tenants().system(), on_worker));

    only->request_stop();
    const auto ended = rt.sync_wait(*std::move(only));

    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error(), errc::stop_requested);
    EXPECT_TRUE(rt.stop());
}

task<void> hog(std::atomic<bool>* release, std::atomic<bool>* running) {
    running->store(true);
    while (!release->load(std::memory_order_relaxed)) {
    }
    co_return;
}

TEST(Runtime, HandsTheCoreOverWhenATaskHogsItsOnlyWorker) {
    runtime rt(quiet(1));
    ASSERT_TRUE(rt.start());
    std::atomic<bool> release{false};
    std::atomic<bool> running{false};
    auto hogging = rt.try_spawn(rt.tenants().get_or_create("hog"), hog, &release, &running);
    ASSERT_TRUE(hogging);
    while (!running.load()) {
        std::this_thread::yield();
    }

    // Without the hand-over this would wait for ever.
    const auto value = rt.sync_wait(rt.tenants().get_or_create("victim"), on_worker);

    EXPECT_EQ(value.value_or(0), 5);
    EXPECT_GE(rt.stats().hand_overs, 1U);
    release.store(true);
    EXPECT_TRUE(rt.stop());
}

int nested(runtime_handle in, tenant payer, int depth) {
    if (depth == 0) {
        return 0;
    }
    auto inner = start_blocking(in, payer, nested, in, payer, depth - 1);
    return inner.wait().value_or(-100000) + 1;
}

task<result<int>> nested_calls(runtime_handle in, tenant payer, int depth) {
    co_return co_await blocking(nested, in, payer, depth);
}

TEST(Runtime, AThousandNestedBlockingCallsFinishOnFourThreads) {
    auto options = quiet();
    options.blocking_threads_max = 4;
    runtime rt(options);
    ASSERT_TRUE(rt.start());
    const tenant payer = rt.tenants().get_or_create("deep");

    const auto depth = rt.sync_wait(payer, nested_calls, rt.handle(), payer, 1000);

    EXPECT_EQ(depth.value_or(0), 1000);
    EXPECT_TRUE(rt.stop());
}

}  // namespace
}  // namespace drama
