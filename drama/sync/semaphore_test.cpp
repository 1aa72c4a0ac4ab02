// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/semaphore.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "drama/coro/sleep.hpp"
#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_host;

struct log {
    std::vector<int> served;
    int failed = 0;
};

task<void> use(semaphore* of, std::size_t count, int who, log* to) {
    auto permit = co_await of->acquire(count);
    if (!permit) {
        ++to->failed;
        co_return;
    }
    EXPECT_EQ(permit->count(), count);
    to->served.push_back(who);
    [[maybe_unused]] const auto slept = co_await sleep_for(1ms);
}

task<std::error_code> use_within(semaphore* of, std::size_t count, duration timeout) {
    auto permit = co_await of->acquire(count, timeout);
    co_return permit ? std::error_code() : permit.error();
}

TEST(Semaphore, CountsItsPermits) {
    semaphore permits(3);
    auto two = permits.try_acquire(2);
    ASSERT_TRUE(two);
    EXPECT_FALSE(permits.try_acquire(2));
    auto one = permits.try_acquire();
    EXPECT_TRUE(one);
    EXPECT_EQ(permits.available(), 0U);
    one->release();
    one->release();
    EXPECT_EQ(permits.available(), 1U);
    semaphore_permit moved = std::move(*two);
    two.reset();
    EXPECT_EQ(permits.available(), 1U);
    EXPECT_EQ(moved.detach(), 2U);
    permits.release(2);
    EXPECT_EQ(permits.available(), 3U);
}

TEST(Semaphore, SwappedPermitsGoBackWhereTheyBelong) {
    semaphore first(1);
    semaphore second(1);
    {
        auto one = first.try_acquire();
        auto other = second.try_acquire();
        *one = std::move(*other);
        other.reset();
        EXPECT_EQ(first.available() + second.available(), 1U);
    }
    EXPECT_EQ(first.available(), 1U);
    EXPECT_EQ(second.available(), 1U);
}

TEST(Semaphore, OneWhoWantsManyIsNotOvertaken) {
    test_host host;
    semaphore permits(3);
    log seen;
    host.detach(use, &permits, std::size_t{2}, 0, &seen);
    host.detach(use, &permits, std::size_t{3}, 1, &seen);
    host.detach(use, &permits, std::size_t{1}, 2, &seen);
    host.run_ready();
    EXPECT_EQ(seen.served, std::vector{0});
    EXPECT_FALSE(permits.try_acquire(1));
    host.run_until_idle();
    EXPECT_EQ(seen.served, (std::vector{0, 1, 2}));
    EXPECT_EQ(permits.available(), 3U);
}

TEST(Semaphore, OneWhoGivesUpLetsOthersGo) {
    test_host host;
    semaphore permits(3);
    log seen;
    host.detach(use, &permits, std::size_t{2}, 0, &seen);
    auto greedy = host.spawn(use, &permits, std::size_t{3}, 1, &seen);
    host.detach(use, &permits, std::size_t{1}, 2, &seen);
    host.run_ready();
    greedy.request_stop();
    host.run_ready();
    EXPECT_EQ(seen.served, (std::vector{0, 2}));
    EXPECT_EQ(seen.failed, 1);
    host.run_until_idle();
    EXPECT_EQ(permits.available(), 3U);
}

TEST(Semaphore, ReleaseWakesAsManyAsItServes) {
    test_host host;
    semaphore permits(0);
    log seen;
    for (int who = 0; who < 4; ++who) {
        host.detach(use, &permits, std::size_t{2}, who, &seen);
    }
    host.run_ready();
    permits.release(5);
    EXPECT_EQ(host.ready_size(), 2U);
    EXPECT_EQ(permits.available(), 1U);
    host.run_until_idle();
    EXPECT_EQ(seen.served, (std::vector{0, 1, 2, 3}));
    EXPECT_EQ(permits.available(), 5U);
}

TEST(Semaphore, ATimeoutEndsTheWait) {
    test_host host;
    semaphore permits(1);
    EXPECT_EQ(host.run(use_within, &permits, std::size_t{2}, duration(1ms)),
              errc::deadline_exceeded);
    EXPECT_EQ(host.run(use_within, &permits, std::size_t{1}, duration(1ms)), std::error_code());
    EXPECT_EQ(permits.available(), 1U);
}

TEST(Semaphore, AStopAtAnyStepLosesNoPermit) {
    for (int stop_at = 0; stop_at < 16; ++stop_at) {
        for (std::size_t victim = 0; victim < 4; ++victim) {
            test_host host;
            semaphore permits(3);
            log seen;
            std::vector<join_handle<void>> tasks;
            for (const std::size_t count : {2U, 3U, 1U, 2U}) {
                tasks.push_back(host.spawn(use, &permits, std::size_t{count}, 0, &seen));
            }
            host.run_and_act(stop_at, [&] { tasks[victim].request_stop(); });
            EXPECT_EQ(host.alive(), 0U);
            EXPECT_EQ(static_cast<int>(seen.served.size()) + seen.failed, 4);
            EXPECT_EQ(permits.available(), 3U) << "stop_at=" << stop_at << " victim=" << victim;
        }
    }
}

}  // namespace
}  // namespace drama
