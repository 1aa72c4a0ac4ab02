// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/condition.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "drama/coro/sleep.hpp"
#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_host;

/// A number under a mutex, and those who wait until it is there.
struct box {
    mutex lock;
    condition changed;
    int tokens = 0;
    std::vector<int> served;
    std::vector<std::error_code> errors;
    int inside = 0;
};

task<void> take_token(box* from, int who, duration timeout) {
    auto guard = co_await from->lock.lock();
    if (!guard) {
        from->errors.push_back(guard.error());
        co_return;
    }
    while (from->tokens == 0) {
        auto notified = co_await from->changed.wait(*guard, timeout);
        EXPECT_EQ(from->inside, 0);  // locked again, whatever came
        EXPECT_FALSE(from->lock.try_lock());
        if (!notified) {
            from->errors.push_back(notified.error());
            co_return;
        }
    }
    ++from->inside;
    --from->tokens;
    from->served.push_back(who);
    [[maybe_unused]] const auto went_on = co_await yield_now();
    --from->inside;
}

task<void> put_three(box* to) {
    [[maybe_unused]] const auto went_on = co_await yield_now();
    for (int i = 0; i < 3; ++i) {
        auto guard = co_await to->lock.lock();
        EXPECT_TRUE(guard.has_value());
        ++to->tokens;
        to->changed.notify_one();
    }
}

void put_tokens(box& to, int count) {
    auto guard = to.lock.try_lock();
    ASSERT_TRUE(guard);
    to.tokens += count;
}

bool is_free(box& of) {
    return of.lock.try_lock().has_value();
}

TEST(Condition, NotifyOneWakesTheFirst) {
    test_host host;
    box shared;
    for (int who = 0; who < 3; ++who) {
        host.detach(take_token, &shared, who, duration::max());
    }
    host.run_ready();
    EXPECT_TRUE(is_free(shared));  // they wait without it

    put_tokens(shared, 1);
    shared.changed.notify_one();
    host.run_ready();
    EXPECT_EQ(shared.served, std::vector{0});

    put_tokens(shared, 2);
    shared.changed.notify_all();
    host.run_ready();
    EXPECT_EQ(shared.served, (std::vector{0, 1, 2}));
    EXPECT_TRUE(is_free(shared));
}

TEST(Condition, ANotifiedTaskRunsOnlyWhenTheMutexIsItsOwn) {
    test_host host;
    box shared;
    host.detach(take_token, &shared, 1, duration::max());
    host.run_ready();
    {
        auto guard = shared.lock.try_lock();
        shared.tokens = 1;
        shared.changed.notify_all();
        EXPECT_EQ(host.ready_size(), 0U);
    }
    EXPECT_EQ(host.ready_size(), 1U);
    EXPECT_FALSE(is_free(shared));
    host.run_ready();
    EXPECT_EQ(shared.served, std::vector{1});
}

TEST(Condition, ANotificationWithoutWaitersIsForgotten) {
    test_host host;
    box shared;
    shared.changed.notify_all();
    auto task = host.spawn(take_token, &shared, 1, duration::max());
    host.run_ready();
    EXPECT_TRUE(shared.served.empty());
    task.request_stop();
    host.run_ready();
    EXPECT_EQ(shared.errors, std::vector<std::error_code>{errc::stop_requested});
}

TEST(Condition, AStopLocksAgainBeforeItReturns) {
    test_host host;
    box shared;
    auto task = host.spawn(take_token, &shared, 1, duration::max());
    host.run_ready();
    auto guard = shared.lock.try_lock();
    task.request_stop();
    EXPECT_EQ(host.ready_size(), 0U);  // the mutex is held: it waits for that
    guard.reset();
    host.run_ready();
    EXPECT_EQ(shared.errors, std::vector<std::error_code>{errc::stop_requested});
    EXPECT_TRUE(is_free(shared));
}

TEST(Condition, ATimeoutLocksAgainBeforeItReturns) {
    test_host host;
    box shared;
    host.detach(take_token, &shared, 1, duration(5ms));
    host.run_ready();
    auto guard = shared.lock.try_lock();
    EXPECT_TRUE(host.fire_next(never));
    EXPECT_EQ(host.ready_size(), 0U);
    guard.reset();
    host.run_ready();
    EXPECT_EQ(shared.errors, std::vector<std::error_code>{errc::deadline_exceeded});
    EXPECT_TRUE(is_free(shared));
    EXPECT_EQ(host.timers_armed(), 0U);
}

TEST(Condition, ANotificationBeforeAStopWins) {
    test_host host;
    box shared;
    auto first = host.spawn(take_token, &shared, 1, duration::max());
    host.detach(take_token, &shared, 2, duration(1h));
    host.run_ready();
    put_tokens(shared, 1);
    shared.changed.notify_one();
    first.request_stop();
    host.run_ready();
    EXPECT_EQ(shared.served, std::vector{1});
    host.run_until_idle();
}

TEST(Condition, ANotificationAfterAStopGoesToTheNext) {
    test_host host;
    box shared;
    auto first = host.spawn(take_token, &shared, 1, duration::max());
    host.detach(take_token, &shared, 2, duration::max());
    host.run_ready();
    first.request_stop();
    shared.tokens = 1;
    shared.changed.notify_one();
    host.run_ready();
    EXPECT_EQ(shared.served, std::vector{2});
    EXPECT_EQ(shared.errors, std::vector<std::error_code>{errc::stop_requested});
}

TEST(Condition, AStopAtAnyStepLosesNoToken) {
    for (int stop_at = 0; stop_at < 16; ++stop_at) {
        for (int victim = 0; victim < 3; ++victim) {
            test_host host;
            box shared;
            std::vector<join_handle<void>> tasks;
            for (int who = 0; who < 3; ++who) {
                tasks.push_back(host.spawn(take_token, &shared, who, duration(1h)));
            }
            host.detach(put_three, &shared);
            host.run_and_act(stop_at,
                             [&] { tasks[static_cast<std::size_t>(victim)].request_stop(); });
            EXPECT_EQ(host.alive(), 0U);
            EXPECT_TRUE(is_free(shared));
            EXPECT_EQ(shared.served.size() + static_cast<std::size_t>(shared.tokens), 3U);
            EXPECT_EQ(shared.served.size() + shared.errors.size(), 3U) << stop_at;
        }
    }
}

}  // namespace
}  // namespace drama
