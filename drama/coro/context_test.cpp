// SPDX-License-Identifier: Apache-2.0
#include "drama/coro/context.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string_view>

#include "drama/coro/sleep.hpp"
#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_account;
using testing::test_host;

task<result<int>> sleep_then(duration span, int value) {
    const auto slept = co_await sleep_for(span);
    if (!slept) {
        co_return fail(slept.error());
    }
    co_return value;
}

task<int> plain_after(duration span) {
    const auto slept = co_await sleep_for(span);
    co_return slept ? 1 : 2;
}

task<void> void_after(duration span) {
    [[maybe_unused]] const auto slept = co_await sleep_for(span);
}

task<result<int>> bounded(duration limit, duration span) {
    auto inner = sleep_then(span, 3);
    co_return co_await with_deadline(limit, std::move(inner));
}

task<result<int>> bounded_plain(duration limit, duration span) {
    auto inner = plain_after(span);
    co_return co_await with_deadline(limit, std::move(inner));
}

task<result<void>> bounded_void(duration limit, duration span) {
    auto inner = void_after(span);
    co_return co_await with_deadline(limit, std::move(inner));
}

/// What each level of two nested deadlines saw.
struct levels {
    std::error_code inner;
    std::error_code outer;
    instant inner_at = long_ago;
    instant deadline_seen = never;
};

task<result<int>> inner_level(duration inner_limit, levels* saw) {
    auto call = bounded(inner_limit, 100ms);
    const auto outcome = co_await std::move(call);
    runnable& self = co_await this_task();
    saw->inner = outcome ? std::error_code() : outcome.error();
    saw->inner_at = self.home->now();
    saw->deadline_seen = self.deadline;
    // After an inner deadline has passed, the rest goes on under the outer one.
    auto rest = sleep_then(10ms, 1);
    co_return co_await std::move(rest);
}

task<void> nested(duration outer_limit, duration inner_limit, levels* saw) {
    auto call = inner_level(inner_limit, saw);
    const auto outcome = co_await with_deadline(outer_limit, std::move(call));
    saw->outer = outcome ? std::error_code() : outcome.error();
}

task<result<int>> under_token(stop_token token, duration span) {
    auto inner = sleep_then(span, 4);
    co_return co_await with_stop(token, std::move(inner));
}

task<result<void>> void_under_token(stop_token token, duration span) {
    auto inner = void_after(span);
    co_return co_await with_stop(token, std::move(inner));
}

task<int> token_then_rest(stop_token token) {
    auto call = under_token(token, 1h);
    const auto stopped = co_await std::move(call);
    EXPECT_EQ(stopped.error(), errc::stop_requested);
    const auto slept = co_await sleep_for(1ms);  // the stop stays inside
    co_return slept ? 1 : 0;
}

struct seen_context {
    work_class cls = work_class::accept;
    bool fixed = false;
    std::string_view name;
    std::uint64_t payer = 0;
};

task<void> look(seen_context* out) {
    runnable& self = co_await this_task();
    const auto slept = co_await sleep_for(1ms);  // would set the class to read
    EXPECT_TRUE(slept.has_value());
    out->cls = self.cls;
    out->fixed = self.class_fixed;
    out->name = self.name;
    out->payer = self.payer->id();
}

task<void> look_and_throw(seen_context* out) {
    co_await look(out);
    throw std::runtime_error("inside");
}

task<int> look_and_yield(seen_context* out, int value) {
    co_await look(out);
    co_return value;
}

task<void> wrap_all(seen_context* inside, seen_context* after) {
    auto looking = look(inside);
    auto labelled = named("inner", std::move(looking));
    co_await as(work_class::write, std::move(labelled));
    co_await look(after);
}

task<void> wrap_throwing(seen_context* inside, seen_context* after) {
    try {
        auto looking = look_and_throw(inside);
        auto labelled = named("inner", std::move(looking));
        co_await as(work_class::write, std::move(labelled));
    } catch (const std::runtime_error&) {
        after->fixed = true;
    }
    co_await look(after);
}

task<int> on_account(test_account* other, seen_context* inside, seen_context* after) {
    const int value = co_await as_tenant(std::ref(*other), look_and_yield, inside, 5);
    co_await look(after);
    co_return value;
}

task<void> on_account_throwing(test_account* other, seen_context* inside, seen_context* after) {
    try {
        co_await as_tenant(std::ref(*other), look_and_throw, inside);
    } catch (const std::runtime_error&) {
        after->fixed = true;
    }
    co_await look(after);
}

TEST(WithDeadline, KeepsAResultThatCameInTime) {
    test_host host;
    EXPECT_EQ(host.run(bounded, duration(10ms), duration(9ms)), 3);
    EXPECT_EQ(host.run(bounded_plain, duration(10ms), duration(9ms)), 1);
    EXPECT_TRUE(host.run(bounded_void, duration(10ms), duration(9ms)).has_value());
    EXPECT_EQ(host.timers_armed(), 0U);
}

TEST(WithDeadline, EndsAWaitThatTakesTooLong) {
    test_host host;
    const instant begun = host.now();
    EXPECT_EQ(host.run(bounded, duration(10ms), duration(1h)).error(), errc::deadline_exceeded);
    EXPECT_EQ(host.now() - begun, 10ms);
    EXPECT_EQ(host.run(bounded_plain, duration(10ms), duration(1h)).error(),
              errc::deadline_exceeded);
    EXPECT_EQ(host.run(bounded_void, duration(10ms), duration(1h)).error(),
              errc::deadline_exceeded);
    EXPECT_EQ(host.timers_armed(), 0U);
}

TEST(WithDeadline, EndlessIsNoDeadline) {
    test_host host;
    EXPECT_EQ(host.run(bounded, duration::max(), duration(1h)), 3);
}

TEST(WithDeadline, AShorterInnerOneLeavesTheRestUnderTheOuter) {
    test_host host;
    const instant begun = host.now();
    levels saw;
    host.run(nested, duration(50ms), duration(20ms), &saw);
    EXPECT_EQ(saw.inner, errc::deadline_exceeded);
    EXPECT_EQ(saw.inner_at - begun, 20ms);
    EXPECT_EQ(saw.deadline_seen - begun, 50ms);
    EXPECT_EQ(saw.outer, std::error_code());
    EXPECT_EQ(host.now() - begun, 30ms);
}

TEST(WithDeadline, ALongerInnerOneIsCutByTheOuter) {
    test_host host;
    const instant begun = host.now();
    levels saw;
    host.run(nested, duration(20ms), duration(50ms), &saw);
    EXPECT_EQ(saw.inner, errc::deadline_exceeded);
    EXPECT_EQ(saw.outer, errc::deadline_exceeded);
    EXPECT_EQ(host.now() - begun, 20ms);
    EXPECT_EQ(host.timers_armed(), 0U);
}

TEST(WithDeadline, AStopAtAnyStepEndsIt) {
    for (int stop_at = 0; stop_at < 6; ++stop_at) {
        test_host host;
        auto task = host.spawn(bounded, duration(10ms), duration(5ms));
        host.run_and_act(stop_at, [&] { task.request_stop(); });
        const auto outcome = test_host::take(task);
        // Steps: begin to sleep; timer; end.
        EXPECT_EQ(outcome.has_value(), stop_at >= 2) << "stop_at=" << stop_at;
        EXPECT_TRUE(outcome || outcome.error() == errc::stop_requested);
        EXPECT_EQ(host.timers_armed(), 0U);
    }
}

TEST(WithStop, EndsTheInsideAndNothingElse) {
    test_host host;
    stop_source source;
    auto task = host.spawn(token_then_rest, source.get_token());
    host.run_ready();
    source.request_stop();
    host.run_until_idle();
    EXPECT_EQ(test_host::take(task), 1);
}

TEST(WithStop, ATokenThatIsStoppedAlreadyEndsTheFirstWait) {
    test_host host;
    stop_source source;
    source.request_stop();
    EXPECT_EQ(host.run(under_token, source.get_token(), duration(1h)).error(),
              errc::stop_requested);
    EXPECT_EQ(host.run(void_under_token, source.get_token(), duration(1h)).error(),
              errc::stop_requested);
    EXPECT_EQ(host.counts().timers_fired, 0U);
}

TEST(WithStop, AQuietTokenChangesNothing) {
    test_host host;
    stop_source source;
    EXPECT_EQ(host.run(under_token, source.get_token(), duration(1ms)), 4);
    EXPECT_EQ(host.run(under_token, stop_token(), duration(1ms)), 4);
    EXPECT_TRUE(host.run(void_under_token, source.get_token(), duration(1ms)).has_value());
    source.request_stop();  // nobody listens any more
}

TEST(AsAndNamed, HoldInsideAndAreRestored) {
    test_host host;
    seen_context inside;
    seen_context after;
    host.run(wrap_all, &inside, &after);
    EXPECT_EQ(inside.cls, work_class::write);
    EXPECT_TRUE(inside.fixed);
    EXPECT_EQ(inside.name, "inner");
    EXPECT_EQ(after.cls, work_class::read);
    EXPECT_FALSE(after.fixed);
    EXPECT_EQ(after.name, "");
}

TEST(AsAndNamed, AreRestoredWhenTheInsideThrows) {
    test_host host;
    seen_context inside;
    seen_context after;
    host.run(wrap_throwing, &inside, &after);
    EXPECT_EQ(inside.name, "inner");
    EXPECT_FALSE(after.fixed);
    EXPECT_EQ(after.name, "");
}

TEST(AsTenant, ChargesTheInsideAndComesBack) {
    test_host host;
    test_account other(9);
    seen_context inside;
    seen_context after;
    EXPECT_EQ(host.run(on_account, &other, &inside, &after), 5);
    EXPECT_EQ(inside.payer, 9U);
    EXPECT_EQ(after.payer, 1U);
    EXPECT_EQ(other.frame_bytes(), 0);
    EXPECT_EQ(host.account().frame_bytes(), 0);
    EXPECT_EQ(host.counts().yielded, 2U);
}

TEST(AsTenant, ComesBackWhenTheInsideThrows) {
    test_host host;
    test_account other(9);
    seen_context inside;
    seen_context after;
    host.run(on_account_throwing, &other, &inside, &after);
    EXPECT_EQ(inside.payer, 9U);
    EXPECT_EQ(after.payer, 1U);
    EXPECT_EQ(other.frame_bytes(), 0);
}

}  // namespace
}  // namespace drama
