// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/rate_limiter.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_account;
using testing::test_host;

struct log {
    std::vector<std::pair<int, duration>> passed;  ///< who, and when since the test began
    std::vector<std::error_code> failed;
    instant began = long_ago;
};

task<void> pass(rate_limiter* by, int who, std::size_t tokens, duration timeout, log* to) {
    runnable& self = co_await this_task();
    auto passed = co_await by->acquire(tokens, timeout);
    if (!passed) {
        to->failed.push_back(passed.error());
        co_return;
    }
    to->passed.emplace_back(who, self.home->now() - to->began);
}

task<bool> pass_now(rate_limiter* by, std::size_t tokens) {
    const bool passed = by->try_acquire(tokens);
    co_return passed;
}

task<duration> delay_of(rate_limiter* by, std::size_t tokens) {
    const duration more = by->delay(tokens);
    co_return more;
}

struct RateLimiter : ::testing::Test {
    RateLimiter() { seen.began = host.now(); }

    join_handle<void> want(int who, std::size_t tokens = 1, duration timeout = duration::max()) {
        return host.spawn(pass, &by, who, std::size_t{tokens}, duration(timeout), &seen);
    }

    test_host host;
    rate_limiter by{{.per_s = 100, .burst = 3}};
    log seen;
};

using passes = std::vector<std::pair<int, duration>>;

TEST_F(RateLimiter, GivesTheBurstAtOnceAndThenTheRate) {
    for (int i = 0; i < 5; ++i) {
        static_cast<void>(want(i));
    }
    host.run_until_idle();
    EXPECT_EQ(seen.passed, (passes{{0, 0ms}, {1, 0ms}, {2, 0ms}, {3, 10ms}, {4, 20ms}}));
}

TEST_F(RateLimiter, SavesUpTheBurstAndNoMore) {
    host.advance(1h);
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(host.run(pass_now, &by, std::size_t{1}), i < 3);
    }
    EXPECT_EQ(host.run(delay_of, &by, std::size_t{2}), duration(20ms));
    host.advance(10ms);
    EXPECT_TRUE(host.run(pass_now, &by, std::size_t{1}));
}

TEST_F(RateLimiter, ServesThoseOfATenantAsTheyCame) {
    static_cast<void>(want(0, 3));
    static_cast<void>(want(1, 3));
    host.advance(15ms);
    auto passed = host.spawn(pass_now, &by, std::size_t{1});
    static_cast<void>(want(2, 1));
    host.run_ready();
    EXPECT_FALSE(test_host::take(passed)) << "it overtook who waits";
    host.run_until_idle();
    EXPECT_EQ(seen.passed, (passes{{0, 0ms}, {1, 30ms}, {2, 40ms}}));
}

TEST_F(RateLimiter, MoreThanTheBurstIsPaidOffLater) {
    static_cast<void>(want(0, 13));
    static_cast<void>(want(1, 1));
    host.run_until_idle();
    EXPECT_EQ(seen.passed, (passes{{0, 0ms}, {1, 110ms}}));
}

TEST_F(RateLimiter, TenantsDoNotMatterToEachOther) {
    test_account other(2);
    for (int i = 0; i < 10; ++i) {
        static_cast<void>(want(0));
    }
    auto alone = host.spawn_on(other, pass, &by, 7, std::size_t{1}, duration::max(), &seen);
    host.run_ready();
    EXPECT_EQ(seen.passed.back(), (std::pair<int, duration>{7, 0ms}));
    host.run_until_idle();
}

TEST_F(RateLimiter, ATenantMayHaveARateOfItsOwn) {
    by.set(host.account(), {.per_s = 1000, .burst = 1});
    static_cast<void>(want(0));
    static_cast<void>(want(1));
    static_cast<void>(want(2));
    host.run_until_idle();
    EXPECT_EQ(seen.passed, (passes{{0, 0ms}, {1, 1ms}, {2, 2ms}}));
}

TEST_F(RateLimiter, WhoCannotBeInTimeIsToldAtOnce) {
    static_cast<void>(want(0, 3));
    static_cast<void>(want(1, 2, 15ms));
    host.run_ready();
    EXPECT_EQ(seen.failed, std::vector<std::error_code>{errc::deadline_exceeded});
    static_cast<void>(want(2, 1, 10ms));
    static_cast<void>(want(3, 1, 15ms));  // stands behind, and its time runs out there
    host.run_until_idle();
    EXPECT_EQ(seen.passed, (passes{{0, 0ms}, {2, 10ms}}));
    EXPECT_EQ(seen.failed.size(), 2U);
}

TEST_F(RateLimiter, CountsWhatATenantWaitsAsThrottled) {
    static_cast<void>(want(0, 3));
    static_cast<void>(want(1));
    static_cast<void>(want(2));
    host.run_until_idle();
    EXPECT_EQ(host.throttled, duration(20ms));
    EXPECT_EQ(host.throttled_items, duration(30ms));
}

TEST_F(RateLimiter, AStopAtAnyStepTakesNothing) {
    for (int stop_at = 0; stop_at < 16; ++stop_at) {
        for (std::size_t victim = 0; victim < 3; ++victim) {
            test_host own;
            rate_limiter limiter{{.per_s = 100, .burst = 2}};
            log to;
            to.began = own.now();
            std::vector<join_handle<void>> tasks;
            for (int who = 0; who < 3; ++who) {
                tasks.push_back(
                    own.spawn(pass, &limiter, int{who}, std::size_t{2}, duration::max(), &to));
            }
            own.run_and_act(stop_at, [&] { tasks[victim].request_stop(); });
            EXPECT_EQ(own.alive(), 0U);
            EXPECT_EQ(to.passed.size() + to.failed.size(), 3U);
            ASSERT_FALSE(to.passed.empty());
            const auto last = duration(20ms) * (static_cast<int>(to.passed.size()) - 1);
            EXPECT_EQ(to.passed.back().second, last) << "stop_at=" << stop_at << " " << victim;
        }
    }
}

TEST_F(RateLimiter, ForgetsTenantsThatRest) {
    std::vector<std::unique_ptr<test_account>> tenants;
    for (std::uint64_t i = 0; i < 1000; ++i) {
        tenants.push_back(std::make_unique<test_account>(100 + i));
        auto passed = host.spawn_on(*tenants.back(), pass_now, &by, std::size_t{1});
        host.advance(1ms);
        EXPECT_TRUE(test_host::take(passed));
    }
    EXPECT_LE(by.tenants(), 64U) << "a bucket is full again after 10 ms";
}

}  // namespace
}  // namespace drama
