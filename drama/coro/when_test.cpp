// SPDX-License-Identifier: Apache-2.0
#include "drama/coro/when.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_host;

/// How the children of a group ended.
struct log {
    int ended = 0;
    int stopped = 0;
};

task<result<int>> after(duration span, int value, log* to) {
    const auto slept = co_await sleep_for(span);
    ++to->ended;
    if (!slept) {
        ++to->stopped;
        co_return fail(slept.error());
    }
    co_return value;
}

task<result<int>> fail_after(duration span, errc error, log* to) {
    auto call = after(span, 0, to);
    const auto slept = co_await std::move(call);
    if (!slept) {
        co_return fail(slept.error());
    }
    co_return fail(error);
}

task<result<int>> throw_after(duration span, log* to) {
    auto call = after(span, 0, to);
    const auto slept = co_await std::move(call);
    if (slept) {
        throw std::runtime_error("child");
    }
    co_return 0;
}

task<std::unique_ptr<std::string>> text_after(duration span, log* to) {
    auto call = after(span, 0, to);
    [[maybe_unused]] const auto slept = co_await std::move(call);
    co_return std::make_unique<std::string>("text");
}

task<void> nothing_after(duration span, log* to) {
    auto call = after(span, 0, to);
    [[maybe_unused]] const auto slept = co_await std::move(call);
}

task<int> all_kinds(log* to) {
    auto number = after(3ms, 1, to);
    auto text = text_after(1ms, to);
    auto nothing = nothing_after(2ms, to);
    auto all = co_await when_all(std::move(number), std::move(text), std::move(nothing));
    EXPECT_TRUE(all.has_value());
    EXPECT_EQ(*std::get<1>(*all), "text");
    co_return std::get<0>(*all);
}

task<std::error_code> all_with_failure(log* to) {
    auto slow = after(1h, 1, to);
    auto failing = fail_after(1ms, errc::queue_full, to);
    auto late = fail_after(2h, errc::bad_argument, to);
    auto all = co_await when_all(std::move(slow), std::move(failing), std::move(late));
    co_return all ? std::error_code() : all.error();
}

task<void> all_with_exception(log* to) {
    auto slow = after(1h, 1, to);
    auto throwing = throw_after(1ms, to);
    auto all = co_await when_all(std::move(slow), std::move(throwing));
    EXPECT_FALSE(all.has_value());
}

task<result<int>> all_slow(log* to) {
    auto one = after(1h, 1, to);
    auto two = after(2h, 2, to);
    auto all = co_await when_all(std::move(one), std::move(two));
    if (!all) {
        co_return fail(all.error());
    }
    co_return std::get<1>(*all);
}

task<result<int>> bounded_all(log* to) {
    auto inner = all_slow(to);
    co_return co_await with_deadline(5ms, std::move(inner));
}

task<result<int>> first_of(duration a, duration b, log* to) {
    auto one = after(a, 1, to);
    auto two = after(b, 2, to);
    co_return co_await when_any(std::move(one), std::move(two));
}

task<result<int>> first_good(log* to) {
    auto bad = fail_after(1ms, errc::queue_full, to);
    auto good = after(2ms, 2, to);
    auto slow = after(1h, 3, to);
    co_return co_await when_any(std::move(bad), std::move(good), std::move(slow));
}

task<result<int>> none_good(log* to) {
    auto one = fail_after(2ms, errc::queue_full, to);
    auto two = fail_after(1ms, errc::bad_argument, to);
    co_return co_await when_any(std::move(one), std::move(two));
}

TEST(WhenAll, YieldsEveryValue) {
    test_host host;
    log seen;
    const instant begun = host.now();
    EXPECT_EQ(host.run(all_kinds, &seen), 1);
    EXPECT_EQ(seen.ended, 3);
    EXPECT_EQ(host.now() - begun, 3ms);  // at once, not one after another
    EXPECT_EQ(host.account().frame_bytes(), 0);
}

TEST(WhenAll, TheFirstFailureStopsTheOthers) {
    test_host host;
    log seen;
    const instant begun = host.now();
    EXPECT_EQ(host.run(all_with_failure, &seen), errc::queue_full);
    EXPECT_EQ(seen.ended, 3);
    EXPECT_EQ(seen.stopped, 2);
    EXPECT_EQ(host.now() - begun, 1ms);
}

TEST(WhenAll, AnExceptionStopsTheOthersAndComesOut) {
    test_host host;
    log seen;
    EXPECT_THROW(host.run(all_with_exception, &seen), std::runtime_error);
    EXPECT_EQ(seen.ended, 2);
    EXPECT_EQ(seen.stopped, 1);
    EXPECT_EQ(host.account().frame_bytes(), 0);
}

TEST(WhenAll, ADeadlineIsItsError) {
    test_host host;
    log seen;
    EXPECT_EQ(host.run(bounded_all, &seen).error(), errc::deadline_exceeded);
    EXPECT_EQ(seen.stopped, 2);
}

TEST(WhenAll, AStopAtAnyStepJoinsEveryChild) {
    for (int stop_at = 0; stop_at < 10; ++stop_at) {
        test_host host;
        log seen;
        auto task = host.spawn(all_slow, &seen);
        host.run_and_act(stop_at, [&] { task.request_stop(); });
        EXPECT_EQ(seen.ended, 2) << "stop_at=" << stop_at;
        const auto outcome = test_host::take(task);
        // Steps: parent, two children sleep, timer, child, timer, child, parent.
        EXPECT_EQ(outcome.has_value(), stop_at >= 6) << "stop_at=" << stop_at;
        EXPECT_TRUE(outcome || outcome.error() == errc::stop_requested);
        EXPECT_EQ(host.alive(), 0U);
        EXPECT_EQ(host.timers_armed(), 0U);
    }
}

TEST(WhenAny, YieldsTheFirstValueAndStopsTheRest) {
    for (const bool swapped : {false, true}) {
        test_host host;
        log seen;
        const instant begun = host.now();
        const auto outcome = swapped ? host.run(first_of, duration(1h), duration(1ms), &seen)
                                     : host.run(first_of, duration(1ms), duration(1h), &seen);
        EXPECT_EQ(outcome, swapped ? 2 : 1);
        EXPECT_EQ(seen.ended, 2);
        EXPECT_EQ(seen.stopped, 1);
        EXPECT_EQ(host.now() - begun, 1ms);
    }
}

TEST(WhenAny, PassesOverFailures) {
    test_host host;
    log seen;
    EXPECT_EQ(host.run(first_good, &seen), 2);
    EXPECT_EQ(seen.stopped, 1);
}

TEST(WhenAny, FailsWithTheFirstTasksErrorIfAllFail) {
    test_host host;
    log seen;
    EXPECT_EQ(host.run(none_good, &seen).error(), errc::queue_full);
    EXPECT_EQ(seen.ended, 2);
}

TEST(WhenAny, AnyOrderOfTurnsJoinsEveryChild) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        test_host host(seed);
        log seen;
        const auto outcome = host.run(first_of, duration(1ms), duration(1ms), &seen);
        EXPECT_TRUE(outcome.has_value()) << "seed=" << seed;
        EXPECT_EQ(seen.ended, 2) << "seed=" << seed;
        EXPECT_EQ(host.account().frame_bytes(), 0) << "seed=" << seed;
    }
}

}  // namespace
}  // namespace drama
