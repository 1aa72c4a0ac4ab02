// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/connection_pool.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_account;
using testing::test_host;

/// Where connections lead to.
struct server {
    int open = 0;
    int opened = 0;
    int checked = 0;
    bool refuses = false;
    bool drops = false;  ///< those that are idle are found broken
};

class connection {
  public:
    connection(server& to, int number) noexcept : to_(&to), number_(number) { ++to.open; }
    connection(connection&& other) noexcept
        : to_(std::exchange(other.to_, nullptr)), number_(other.number_) {}
    connection& operator=(connection&&) = delete;
    ~connection() {
        if (to_ != nullptr) {
            --to_->open;
        }
    }
    int number() const noexcept { return number_; }

  private:
    server* to_;
    int number_;
};

task<result<connection>> connect(server* to) {
    auto slept = co_await sleep_for(1ms);
    if (!slept) {
        co_return fail(slept.error());
    }
    if (to->refuses) {
        co_return fail(std::make_error_code(std::errc::connection_refused));
    }
    co_return connection(*to, ++to->opened);
}

task<bool> ping(server* to) {
    ++to->checked;
    auto slept = co_await sleep_for(1ms);
    co_return slept.has_value() && !to->drops;
}

using pool = connection_pool<connection>;

pool::options leading_to(server& to, std::size_t most, bool checks = false) {
    pool::options how{.open = [&to] { return connect(&to); }, .max_open = most, .max_idle = most};
    if (checks) {
        how.check = [&to](connection*) { return ping(&to); };
    }
    return how;
}

struct log {
    std::vector<int> lent;
    std::vector<std::error_code> failed;
};

task<void> use(pool* from, duration span, duration timeout, log* to) {
    auto lent = co_await from->acquire(timeout);
    if (!lent) {
        to->failed.push_back(lent.error());
        co_return;
    }
    to->lent.push_back((*lent)->number());
    [[maybe_unused]] const auto slept = co_await sleep_for(span);
}

task<void> break_one(pool* from) {
    auto lent = co_await from->acquire();
    lent->discard();
    EXPECT_FALSE(*lent);
}

task<std::error_code> end(pool* which, duration timeout) {
    auto ended = co_await which->shut_down(timeout);
    co_return ended ? std::error_code() : ended.error();
}

struct ConnectionPool : ::testing::Test {
    join_handle<void> borrow(pool& from, duration span = 1ms, duration timeout = 1h) {
        return host.spawn(use, &from, duration(span), duration(timeout), &seen);
    }

    test_host host;
    server db;
    log seen;
};

TEST_F(ConnectionPool, LendsWhatIsIdleAndOpensNoMoreThanItMay) {
    pool of(leading_to(db, 2));
    for (int i = 0; i < 6; ++i) {
        static_cast<void>(borrow(of));
    }
    host.run_until_idle();
    EXPECT_EQ(db.opened, 2);
    EXPECT_EQ(seen.lent.size(), 6U);
    EXPECT_EQ(of.idle(), 2U);
    EXPECT_EQ(of.lent(), 0U);
}

TEST_F(ConnectionPool, LendsTheOneThatWasUsedLast) {
    pool of(leading_to(db, 2));
    static_cast<void>(borrow(of, 1ms));
    static_cast<void>(borrow(of, 5ms));
    host.run_until_idle();
    static_cast<void>(borrow(of));
    host.run_until_idle();
    EXPECT_EQ(seen.lent, (std::vector{1, 2, 2}));
}

TEST_F(ConnectionPool, DropsWhatIsFoundBroken) {
    pool of(leading_to(db, 2, true));
    static_cast<void>(borrow(of));
    static_cast<void>(borrow(of));
    host.run_until_idle();
    EXPECT_EQ(db.checked, 0) << "new ones are good";
    db.drops = true;
    static_cast<void>(borrow(of));
    host.run_until_idle();
    EXPECT_EQ(db.checked, 2);
    EXPECT_EQ(seen.lent.back(), 3);
    EXPECT_EQ(db.open, 1);
}

TEST_F(ConnectionPool, WhatIsDiscardedMakesRoom) {
    pool of(leading_to(db, 1));
    host.run(break_one, &of);
    EXPECT_EQ(db.open, 0);
    EXPECT_EQ(of.lent(), 0U);
    static_cast<void>(borrow(of));
    host.run_until_idle();
    EXPECT_EQ(seen.lent, std::vector{2});
}

TEST_F(ConnectionPool, PassesOnWhyNoneOpensAndKeepsThePlace) {
    pool of(leading_to(db, 1));
    db.refuses = true;
    static_cast<void>(borrow(of));
    host.run_until_idle();
    ASSERT_EQ(seen.failed.size(), 1U);
    EXPECT_EQ(seen.failed[0], std::errc::connection_refused);
    EXPECT_EQ(of.lent(), 0U);
}

TEST_F(ConnectionPool, TheTimeoutCoversTheWaitTheCheckAndTheOpening) {
    pool of(leading_to(db, 1, true));
    static_cast<void>(borrow(of, 1ms, duration(500us)));  // opening takes 1 ms
    host.run_until_idle();
    static_cast<void>(borrow(of, 10ms));
    static_cast<void>(borrow(of, 1ms, 5ms));
    host.run_until_idle();
    static_cast<void>(borrow(of, 1ms, duration(500us)));  // so does the check
    host.run_until_idle();
    EXPECT_EQ(seen.failed, (std::vector<std::error_code>(3, errc::deadline_exceeded)));
    EXPECT_EQ(of.lent(), 0U);
}

TEST_F(ConnectionPool, ACheckThatIsCutShortDropsThatOneAlone) {
    pool of(leading_to(db, 3, true));
    for (int i = 0; i < 3; ++i) {
        static_cast<void>(borrow(of));
    }
    host.run_until_idle();
    EXPECT_EQ(of.idle(), 3U);
    static_cast<void>(borrow(of, 1ms, 500us));
    host.run_until_idle();
    EXPECT_EQ(of.idle(), 2U);
    auto stopped = borrow(of);
    host.run_ready();
    stopped.request_stop();
    host.run_until_idle();
    EXPECT_EQ(of.idle(), 1U);
    EXPECT_EQ(seen.failed,
              (std::vector<std::error_code>{errc::deadline_exceeded, errc::stop_requested}));
}

TEST_F(ConnectionPool, ClosesWhatIdlesOut) {
    auto how = leading_to(db, 4);
    how.idle_timeout = 10ms;
    how.max_idle = 2;
    pool of(std::move(how));
    for (int i = 0; i < 3; ++i) {
        static_cast<void>(borrow(of, duration(i * 1ms)));
    }
    host.run_until_idle();
    EXPECT_EQ(of.idle(), 2U) << "no more than max_idle";
    auto tended = host.spawn([](pool* which) { return which->tend(); }, &of);
    host.advance(7ms);
    EXPECT_EQ(db.open, 2);
    host.advance(10ms);
    EXPECT_EQ(db.open, 0);
    of.close();
    host.run_until_idle();
    EXPECT_TRUE(test_host::take(tended));
}

TEST_F(ConnectionPool, ServesTenantsInTurns) {
    pool of(leading_to(db, 1));
    test_account other(2);
    log others;
    for (int i = 0; i < 10; ++i) {
        static_cast<void>(borrow(of));
    }
    host.run_ready();
    auto alone = host.spawn_on(other, use, &of, duration(1ms), duration(1h), &others);
    host.advance(3500us);  // 1 ms to open it, 1 for who had it, 1 for who was next
    EXPECT_EQ(others.lent.size(), 1U);
    EXPECT_EQ(seen.lent.size(), 2U);
    host.run_until_idle();
}

TEST_F(ConnectionPool, ShutsDownWhenTheLastComesBack) {
    pool of(leading_to(db, 2));
    static_cast<void>(borrow(of, 10ms));
    static_cast<void>(borrow(of, 1ms));
    static_cast<void>(borrow(of));
    static_cast<void>(borrow(of));
    host.advance(1ms);
    auto hasty = host.spawn(end, &of, duration(2ms));
    host.run_ready();
    EXPECT_EQ(seen.failed, (std::vector<std::error_code>(2, errc::closed))) << "who waits";
    host.advance(2ms);
    EXPECT_EQ(test_host::take(hasty), errc::deadline_exceeded);
    EXPECT_EQ(host.run(end, &of, duration(1h)), std::error_code());
    EXPECT_EQ(db.open, 0);
    static_cast<void>(borrow(of));
    EXPECT_EQ(host.run(end, &of, duration(1h)), std::error_code()) << "again";
    EXPECT_EQ(seen.failed.back(), errc::closed);
}

TEST_F(ConnectionPool, AStopAtAnyStepLosesNothing) {
    for (int stop_at = 0; stop_at < 32; ++stop_at) {
        for (std::size_t victim = 0; victim < 4; ++victim) {
            SCOPED_TRACE(stop_at);
            test_host own;
            server to;
            log users;
            pool of(leading_to(to, 2, true));
            std::vector<join_handle<void>> tasks;
            for (int i = 0; i < 4; ++i) {
                tasks.push_back(own.spawn(use, &of, duration(1ms), duration(1h), &users));
            }
            own.run_and_act(stop_at, [&] { tasks[victim].request_stop(); });
            EXPECT_EQ(own.alive(), 0U);
            EXPECT_GE(users.lent.size(), 3U);
            EXPECT_EQ(of.lent(), 0U);
            EXPECT_EQ(static_cast<std::size_t>(to.open), of.idle());
            EXPECT_EQ(own.run(end, &of, duration(1h)), std::error_code());
            EXPECT_EQ(to.open, 0);
        }
    }
}

}  // namespace
}  // namespace drama
