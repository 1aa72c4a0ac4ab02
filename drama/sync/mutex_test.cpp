// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/mutex.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <thread>
#include <vector>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_host;

/// What became of those who wanted the mutex, in order.
struct log {
    std::vector<int> entered;
    std::vector<std::pair<int, std::error_code>> failed;
    int inside = 0;
};

task<void> hold(mutex* of, int who, duration span, log* to) {
    auto guard = co_await of->lock();
    if (!guard) {
        to->failed.emplace_back(who, guard.error());
        co_return;
    }
    EXPECT_EQ(to->inside++, 0);
    to->entered.push_back(who);
    [[maybe_unused]] const auto slept = co_await sleep_for(span);
    --to->inside;
}

task<void> hold_within(mutex* of, duration timeout, int who, log* to) {
    auto guard = co_await of->lock(timeout);
    if (!guard) {
        to->failed.emplace_back(who, guard.error());
        co_return;
    }
    to->entered.push_back(who);
}

task<result<void>> bounded_hold(mutex* of, int who, log* to) {
    auto inner = hold_within(of, 1h, who, to);
    co_return co_await with_deadline(5ms, std::move(inner));
}

task<void> lock_many(mutex* of, int times, int* locked) {
    for (*locked = 0; *locked < times; ++*locked) {
        auto guard = co_await of->lock();
        EXPECT_TRUE(guard.has_value());
    }
}

bool is_free(mutex& of) {
    return of.try_lock().has_value();
}

TEST(Mutex, IsFreeAtFirstAndAfterItsGuard) {
    mutex lock;
    {
        auto guard = lock.try_lock();
        ASSERT_TRUE(guard);
        EXPECT_FALSE(lock.try_lock());
        mutex_guard moved = std::move(*guard);
        guard.reset();
        EXPECT_FALSE(lock.try_lock());
        moved.unlock();
        EXPECT_FALSE(static_cast<bool>(moved));
        EXPECT_TRUE(lock.try_lock());
    }
    EXPECT_TRUE(is_free(lock));
}

TEST(Mutex, IsHandedOverInTheOrderOfArrival) {
    test_host host;
    mutex lock;
    log seen;
    for (int who = 0; who < 5; ++who) {
        host.detach(hold, &lock, who, duration(1ms), &seen);
    }
    host.run_until_idle();
    EXPECT_EQ(seen.entered, (std::vector{0, 1, 2, 3, 4}));
    EXPECT_TRUE(is_free(lock));
    EXPECT_EQ(host.counts().readied, 4U + 5U);  // each waiter once, each sleep once
}

TEST(Mutex, HandsOverEvenIfOthersCouldBeFaster) {
    test_host host;
    mutex lock;
    log seen;
    auto guard = lock.try_lock();
    host.detach(hold, &lock, 1, duration(0), &seen);
    host.run_ready();
    guard.reset();                  // the waiter owns it from here on
    EXPECT_FALSE(lock.try_lock());  // although it has not run yet
    host.run_until_idle();
    EXPECT_EQ(seen.entered, std::vector{1});
}

TEST(Mutex, AThreadWithoutATaskMayUnlock) {
    test_host host;
    mutex lock;
    log seen;
    auto guard = lock.try_lock();
    host.detach(hold, &lock, 1, duration(0), &seen);
    host.run_ready();
    std::thread other([&] { guard.reset(); });
    other.join();
    host.run_until_idle();
    EXPECT_EQ(seen.entered, std::vector{1});
}

TEST(Mutex, AStopBeforeTheAwaitTakesNothing) {
    test_host host;
    mutex lock;
    log seen;
    auto task = host.spawn(hold, &lock, 1, duration(0), &seen);
    task.request_stop();
    host.run_until_idle();
    ASSERT_EQ(seen.failed.size(), 1U);
    EXPECT_EQ(seen.failed[0].second, errc::stop_requested);
    EXPECT_TRUE(is_free(lock));
}

task<void> lock_over_and_over(mutex* of, int rounds, duration timeout) {
    for (int i = 0; i < rounds; ++i) {
        auto locked = co_await of->lock(timeout);
        EXPECT_FALSE(locked);
    }
}

TEST(Mutex, WhoIsRefusedOverAndOverKeepsNoThread) {
    for (const duration timeout : {duration(1h), duration(0)}) {
        test_host host;
        mutex lock;
        const auto guard = lock.try_lock();
        auto stubborn = host.spawn(lock_over_and_over, &lock, 200, timeout);
        if (timeout != duration(0)) {
            stubborn.request_stop();
        }
        host.run_ready();
        EXPECT_EQ(host.counts().yielded, 25U);
        EXPECT_EQ(host.timers_armed(), 0U);
    }
}

TEST(Mutex, AStopWhileWaitingLeavesTheLine) {
    test_host host;
    mutex lock;
    log seen;
    auto guard = lock.try_lock();
    host.detach(hold, &lock, 1, duration(0), &seen);
    auto second = host.spawn(hold, &lock, 2, duration(0), &seen);
    host.detach(hold, &lock, 3, duration(0), &seen);
    host.run_ready();
    second.request_stop();
    host.run_ready();
    EXPECT_EQ(seen.failed.size(), 1U);
    guard.reset();
    host.run_until_idle();
    EXPECT_EQ(seen.entered, (std::vector{1, 3}));
    EXPECT_TRUE(is_free(lock));
}

TEST(Mutex, AStopBetweenTheFirstLookAndTheLineIsSeen) {
    test_host host;
    mutex lock;
    log seen;
    auto guard = lock.try_lock();
    auto waiter = host.spawn(hold_within, &lock, duration(1h), 1, &seen);
    host.before_arm = [&] { waiter.request_stop(); };
    host.run_ready();
    ASSERT_EQ(seen.failed.size(), 1U);
    EXPECT_EQ(seen.failed[0].second, errc::stop_requested);
    EXPECT_EQ(host.timers_armed(), 0U);
}

TEST(Mutex, ATimeoutThatPassesBeforeTheLineIsSeen) {
    test_host host;
    mutex lock;
    log seen;
    auto guard = lock.try_lock();
    host.detach(hold_within, &lock, duration(1ms), 1, &seen);
    host.after_arm = [&] { EXPECT_TRUE(host.fire_next(never)); };
    host.run_ready();
    ASSERT_EQ(seen.failed.size(), 1U);
    EXPECT_EQ(seen.failed[0].second, errc::deadline_exceeded);
}

TEST(Mutex, AGrantThatComesWhileTheTimeoutIsArmedIsTaken) {
    test_host host;
    mutex lock;
    log seen;
    auto guard = lock.try_lock();
    host.detach(hold_within, &lock, duration(1ms), 1, &seen);
    host.after_arm = [&] {
        EXPECT_TRUE(host.fire_next(never));
        guard.reset();
    };
    host.run_ready();
    EXPECT_EQ(seen.entered, std::vector{1});  // free again: better late than in vain
    EXPECT_TRUE(is_free(lock));
}

TEST(Mutex, ATaskThatNeverWaitsGivesWayNowAndThen) {
    test_host host;
    mutex lock;
    int locked = 0;
    host.detach(lock_many, &lock, 1000, &locked);
    EXPECT_TRUE(host.run_one());
    EXPECT_GT(locked, 10);
    EXPECT_LT(locked, 100);
    EXPECT_EQ(host.ready_size(), 1U);
    EXPECT_FALSE(lock.try_lock());  // what was taken before it gave way is its own
    host.run_until_idle();
    EXPECT_EQ(locked, 1000);
    EXPECT_TRUE(is_free(lock));
}

TEST(Mutex, AGrantBeforeAStopWins) {
    test_host host;
    mutex lock;
    log seen;
    auto guard = lock.try_lock();
    auto waiter = host.spawn(hold, &lock, 1, duration(0), &seen);
    host.run_ready();
    guard.reset();
    waiter.request_stop();
    EXPECT_EQ(host.ready_size(), 1U);
    host.run_until_idle();
    EXPECT_EQ(seen.entered, std::vector{1});
    EXPECT_TRUE(is_free(lock));
}

TEST(Mutex, AStopAtAnyStepLeavesItFree) {
    for (int stop_at = 0; stop_at < 12; ++stop_at) {
        for (int victim = 0; victim < 3; ++victim) {
            test_host host;
            mutex lock;
            log seen;
            std::vector<join_handle<void>> tasks;
            for (int who = 0; who < 3; ++who) {
                tasks.push_back(host.spawn(hold, &lock, who, duration(1ms), &seen));
            }
            host.run_and_act(stop_at,
                             [&] { tasks[static_cast<std::size_t>(victim)].request_stop(); });
            EXPECT_EQ(seen.entered.size() + seen.failed.size(), 3U);
            EXPECT_EQ(host.alive(), 0U);
            EXPECT_TRUE(is_free(lock));
        }
    }
}

TEST(Mutex, ATimeoutEndsTheWait) {
    test_host host;
    mutex lock;
    log seen;
    const instant begun = host.now();
    auto guard = lock.try_lock();
    host.detach(hold_within, &lock, duration(5ms), 1, &seen);
    host.run_until_idle();
    ASSERT_EQ(seen.failed.size(), 1U);
    EXPECT_EQ(seen.failed[0].second, errc::deadline_exceeded);
    EXPECT_EQ(host.now() - begun, 5ms);
    guard.reset();
    EXPECT_TRUE(is_free(lock));
}

TEST(Mutex, ATimeoutThatIsNotNeededIsDisarmed) {
    test_host host;
    mutex lock;
    log seen;
    auto guard = lock.try_lock();
    host.detach(hold_within, &lock, duration(5ms), 1, &seen);
    host.run_ready();
    EXPECT_EQ(host.timers_armed(), 1U);
    guard.reset();
    host.run_ready();
    EXPECT_EQ(seen.entered, std::vector{1});
    EXPECT_EQ(host.timers_armed(), 0U);
}

TEST(Mutex, AGrantBeforeATimeoutWins) {
    test_host host;
    mutex lock;
    log seen;
    auto guard = lock.try_lock();
    host.detach(hold_within, &lock, duration(5ms), 1, &seen);
    host.run_ready();
    guard.reset();
    EXPECT_TRUE(host.fire_next(never));
    EXPECT_EQ(host.ready_size(), 1U);
    host.run_until_idle();
    EXPECT_EQ(seen.entered, std::vector{1});
}

TEST(Mutex, ATimeoutOfZeroTakesItOrFailsAtOnce) {
    test_host host;
    mutex lock;
    log seen;
    host.detach(hold_within, &lock, duration(0), 1, &seen);
    host.run_ready();
    auto guard = lock.try_lock();
    host.detach(hold_within, &lock, duration(0), 2, &seen);
    host.detach(hold_within, &lock, duration(-5ms), 3, &seen);
    host.run_ready();
    EXPECT_EQ(seen.entered, std::vector{1});
    EXPECT_EQ(seen.failed.size(), 2U);
    EXPECT_EQ(host.counts().timers_fired, 0U);
}

TEST(Mutex, ADeadlineAroundItEndsTheWait) {
    test_host host;
    mutex lock;
    log seen;
    auto guard = lock.try_lock();
    EXPECT_EQ(host.run(bounded_hold, &lock, 1, &seen).error(), errc::deadline_exceeded);
    EXPECT_EQ(seen.failed.size(), 1U);
    EXPECT_EQ(host.timers_armed(), 0U);
}

TEST(Mutex, ShowsWhoHoldsIt) {
    test_host host;
    mutex lock;
    log seen;
    auto first = host.spawn(hold, &lock, 1, duration(1ms), &seen);
    auto second = host.spawn(hold, &lock, 2, duration(1ms), &seen);
    auto third = host.spawn(hold, &lock, 3, duration(1ms), &seen);
    host.run_ready();
    EXPECT_EQ(lock.holder(), first.get());
    const auto check = [&](const runnable* holder) {
        third.get()->inspect_wait([&](const wait_record* record) {
            ASSERT_NE(record, nullptr);
            EXPECT_EQ(record->kind, wait_kind::lock);
            EXPECT_EQ(record->current_holder(), holder);
            EXPECT_NE(std::string_view(record->where.file_name()).find("mutex_test"),
                      std::string_view::npos);
        });
    };
    check(first.get());
    host.fire_next(never);
    host.run_ready();
    check(second.get());  // the record follows
    host.run_until_idle();
    EXPECT_EQ(lock.holder(), nullptr);
}

TEST(Mutex, ACrowdOfOneTenantDelaysAnotherByOneHandOff) {
    test_host host;
    testing::test_account heavy(3);
    host.weights[3] = 2 * 1024;
    mutex lock;
    log seen;
    for (int i = 0; i < 50; ++i) {
        host.detach(hold, &lock, 0, duration(1ms), &seen);
    }
    host.run_ready();  // one holds it, 49 wait
    for (int i = 0; i < 4; ++i) {
        static_cast<void>(host.spawn_on(heavy, hold, &lock, 1, duration(1ms), &seen));
    }
    host.run_until_idle();
    ASSERT_EQ(seen.entered.size(), 54U);
    const std::vector first(seen.entered.begin(), seen.entered.begin() + 9);
    EXPECT_EQ(first, (std::vector{0, 0, 1, 0, 1, 1, 0, 1, 0}));
}

}  // namespace
}  // namespace drama
