// SPDX-License-Identifier: Apache-2.0
#include "drama/coro/sleep.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_host;

task<std::error_code> sleep_once(duration span) {
    const auto slept = co_await sleep_for(span);
    co_return slept ? std::error_code() : slept.error();
}

task<instant> sleep_to(instant when) {
    const auto slept = co_await sleep_until(when);
    EXPECT_TRUE(slept.has_value());
    runnable& self = co_await this_task();
    co_return self.home->now();
}

task<int> count_checkpoints(int rounds, duration step, test_host* host) {
    int gave_way = 0;
    for (int i = 0; i < rounds; ++i) {
        host->advance_clock(step);
        const std::size_t before = host->counts().yielded;
        const auto go_on = co_await checkpoint();
        if (!go_on) {
            co_return -gave_way;
        }
        gave_way += static_cast<int>(host->counts().yielded - before);
    }
    co_return gave_way;
}

task<void> take_turns(char mark, std::vector<char>* order) {
    for (int i = 0; i < 3; ++i) {
        order->push_back(mark);
        co_await yield_now();
    }
}

task<std::vector<instant>> tick(duration period, int ticks, duration work, test_host* host) {
    std::vector<instant> at;
    interval every(period);
    for (int i = 0; i < ticks; ++i) {
        const auto due = co_await every.next();
        if (!due) {
            break;
        }
        at.push_back(host->now());
        host->advance_clock(work);
    }
    co_return at;
}

task<result<int>> fail_until(int succeeds_at, std::vector<instant>* attempts) {
    runnable& self = co_await this_task();
    attempts->push_back(self.home->now());
    if (static_cast<int>(attempts->size()) < succeeds_at) {
        co_return fail(errc::queue_full);
    }
    co_return static_cast<int>(attempts->size());
}

auto retried(backoff schedule, int succeeds_at, std::vector<instant>* attempts) {
    return retry(schedule, fail_until, succeeds_at, attempts);
}

task<wait_kind> kind_of(runnable* other) {
    wait_kind kind = wait_kind::turn;
    other->inspect_wait([&kind](const wait_record* record) {
        EXPECT_NE(record, nullptr);
        kind = record->kind;
        EXPECT_NE(std::string_view(record->where.file_name()).find("sleep_test"),
                  std::string_view::npos);
    });
    co_return kind;
}

task<void> heed_no_stop(int rounds) {
    for (int i = 0; i < rounds; ++i) {
        auto slept = co_await sleep_for(1ms);
        static_cast<void>(slept);
    }
}

task<void> heed_no_stop_of_turns(int rounds) {
    for (int i = 0; i < rounds; ++i) {
        auto had_turn = co_await yield_now();
        static_cast<void>(had_turn);
    }
}

// Eight awaits that a stop ends at once, then a turn for others; the reports see where it waits.
TEST(Sleep, WhoHeedsNoStopKeepsNoThread) {
    for (const auto body : {heed_no_stop, heed_no_stop_of_turns}) {
        test_host host;
        auto stubborn = host.spawn(body, 200);
        stubborn.request_stop();
        host.run_ready();
        EXPECT_EQ(host.counts().yielded, 25U);
    }
}

TEST(Sleep, WakesAtItsInstant) {
    test_host host;
    const instant begun = host.now();
    EXPECT_EQ(host.run(sleep_once, duration(5ms)), std::error_code());
    EXPECT_EQ(host.now() - begun, 5ms);
    EXPECT_EQ(host.run(sleep_to, begun + 7ms), begun + 7ms);
    EXPECT_EQ(host.run(sleep_to, begun), begun + 7ms);  // the past: at once
}

TEST(Sleep, NegativeAndEndlessSpansAreValid) {
    test_host host;
    EXPECT_EQ(host.run(sleep_once, duration(-1ms)), std::error_code());
    auto endless = host.spawn(sleep_once, duration::max());
    host.run_ready();
    endless.request_stop();
    host.run_ready();
    EXPECT_EQ(test_host::take(endless), errc::stop_requested);
}

TEST(Sleep, AStopBeforeItBeginsIsSeen) {
    test_host host;
    auto sleeper = host.spawn(sleep_once, duration(5ms));
    sleeper.request_stop();
    host.run_until_idle();
    EXPECT_EQ(test_host::take(sleeper), errc::stop_requested);
    EXPECT_EQ(host.counts().timers_fired, 0U);
}

TEST(Sleep, AStopBetweenPublicationAndArmingIsSeen) {
    test_host host;
    auto sleeper = host.spawn(sleep_once, duration(5ms));
    host.before_arm = [&] { sleeper.request_stop(); };
    host.run_until_idle();
    EXPECT_EQ(test_host::take(sleeper), errc::stop_requested);
    EXPECT_EQ(host.counts().timers_fired, 0U);
    EXPECT_EQ(host.counts().readied, 0U);
}

TEST(Sleep, AStopWhileItWaitsWakesItOnce) {
    test_host host;
    auto sleeper = host.spawn(sleep_once, duration(5ms));
    host.run_ready();
    sleeper.request_stop();
    sleeper.request_stop();
    EXPECT_EQ(host.ready_size(), 1U);
    host.run_until_idle();
    EXPECT_EQ(test_host::take(sleeper), errc::stop_requested);
}

TEST(Sleep, AStopAfterItsTimerFiredComesTooLate) {
    test_host host;
    auto sleeper = host.spawn(sleep_once, duration(5ms));
    host.run_ready();
    EXPECT_TRUE(host.fire_next(never));
    sleeper.request_stop();
    EXPECT_EQ(host.ready_size(), 1U);
    host.run_until_idle();
    EXPECT_EQ(test_host::take(sleeper), std::error_code());
}

TEST(Sleep, ShowsWhatItWaitsFor) {
    test_host host;
    auto sleeper = host.spawn(sleep_once, duration(5ms));
    host.run_ready();
    auto seen = host.spawn(kind_of, static_cast<runnable*>(sleeper.get()));
    host.run_until_idle();
    EXPECT_EQ(test_host::take(seen), wait_kind::timer);
}

TEST(Checkpoint, GivesWayOnlyWhenTheTurnIsOver) {
    test_host host;
    host.turn_length = 10us;
    EXPECT_EQ(host.run(count_checkpoints, 10, duration(1us), &host), 1);
    EXPECT_EQ(host.run(count_checkpoints, 100, duration(1us), &host), 10);
    EXPECT_EQ(host.run(count_checkpoints, 5, duration(1ms), &host), 5);
}

TEST(Checkpoint, IsAStopPoint) {
    test_host host;
    auto counter = host.spawn(count_checkpoints, 10, duration(1us), &host);
    counter.request_stop();
    host.run_until_idle();
    EXPECT_EQ(test_host::take(counter), 0);
    EXPECT_EQ(host.counts().yielded, 0U);
}

TEST(YieldNow, LetsOthersGoFirst) {
    test_host host;
    std::vector<char> order;
    host.detach(take_turns, 'a', &order);
    host.detach(take_turns, 'b', &order);
    host.run_until_idle();
    EXPECT_EQ(order, (std::vector<char>{'a', 'b', 'a', 'b', 'a', 'b'}));
}

TEST(Interval, TicksWithoutDriftAndSkipsWhatItMissed) {
    test_host host;
    const instant begun = host.now();
    auto at = host.run(tick, duration(10ms), 3, duration(3ms), &host);
    EXPECT_EQ(at, (std::vector<instant>{begun + 10ms, begun + 20ms, begun + 30ms}));

    const instant again = host.now();
    at = host.run(tick, duration(10ms), 3, duration(25ms), &host);
    EXPECT_EQ(at, (std::vector<instant>{again + 10ms, again + 40ms, again + 70ms}));
}

TEST(Backoff, GrowsToItsLongestAndJittersDownward) {
    const backoff plain{.first = 10ms, .limit = 9, .factor = 2.0, .longest = 50ms, .jitter = 0};
    EXPECT_EQ(plain.pause(1, 0), 10ms);
    EXPECT_EQ(plain.pause(2, 0), 20ms);
    EXPECT_EQ(plain.pause(3, 0), 40ms);
    EXPECT_EQ(plain.pause(4, 0), 50ms);
    EXPECT_EQ(plain.pause(1000, ~std::uint64_t{0}), 50ms);

    const backoff half{.first = 10ms};
    EXPECT_EQ(half.pause(1, 0), 10ms);
    EXPECT_GE(half.pause(1, ~std::uint64_t{0}), 5ms);
    EXPECT_LT(half.pause(1, ~std::uint64_t{0}), 5001us);
}

TEST(Retry, EndsWithTheFirstValue) {
    test_host host;
    std::vector<instant> attempts;
    const backoff schedule{.first = 10ms, .limit = 5, .jitter = 0};
    EXPECT_EQ(host.run(retried, schedule, 3, &attempts), 3);
    ASSERT_EQ(attempts.size(), 3U);
    EXPECT_EQ(attempts[1] - attempts[0], 10ms);
    EXPECT_EQ(attempts[2] - attempts[1], 20ms);
}

TEST(Retry, GivesUpWithTheLastErrorAfterItsLimit) {
    test_host host;
    std::vector<instant> attempts;
    const backoff schedule{.first = 10ms, .limit = 4, .jitter = 0};
    EXPECT_EQ(host.run(retried, schedule, 99, &attempts).error(), errc::queue_full);
    EXPECT_EQ(attempts.size(), 4U);
}

TEST(Retry, AStopEndsThePause) {
    test_host host;
    std::vector<instant> attempts;
    auto retrying = host.spawn(retried, backoff{.first = 1h}, 99, &attempts);
    host.run_ready();
    retrying.request_stop();
    host.run_ready();
    EXPECT_EQ(test_host::take(retrying).error(), errc::stop_requested);
    EXPECT_EQ(attempts.size(), 1U);
}

}  // namespace
}  // namespace drama
