// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/event.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_host;

template <class Event>
task<std::error_code> pass(Event* of) {
    const auto passed = co_await of->wait();
    co_return passed ? std::error_code() : passed.error();
}

template <class Event>
task<std::error_code> pass_within(Event* of, duration timeout) {
    const auto passed = co_await of->wait(timeout);
    co_return passed ? std::error_code() : passed.error();
}

TEST(Event, WakesAllAndStaysSet) {
    test_host host;
    event happened;
    for (int i = 0; i < 3; ++i) {
        host.detach(pass<event>, &happened);
    }
    host.run_ready();
    EXPECT_EQ(host.alive(), 3U);
    happened.set();
    happened.set();
    EXPECT_EQ(host.ready_size(), 3U);
    host.run_ready();
    EXPECT_EQ(host.alive(), 0U);
    EXPECT_EQ(host.run(pass<event>, &happened), std::error_code());
    EXPECT_TRUE(happened.is_set());
}

TEST(Event, WaitsAgainAfterReset) {
    test_host host;
    event happened(true);
    happened.reset();
    EXPECT_EQ(host.run(pass_within<event>, &happened, duration(1ms)), errc::deadline_exceeded);
}

TEST(Event, AWakeIsNotTakenBackByReset) {
    test_host host;
    event happened;
    auto waiter = host.spawn(pass<event>, &happened);
    host.run_ready();
    happened.set();
    happened.reset();
    host.run_ready();
    EXPECT_EQ(test_host::take(waiter), std::error_code());
}

TEST(AutoResetEvent, LetsOneWaitPassForEachSet) {
    test_host host;
    auto_reset_event happened;
    for (int i = 0; i < 3; ++i) {
        host.detach(pass<auto_reset_event>, &happened);
    }
    host.run_ready();
    happened.set();
    host.run_ready();
    EXPECT_EQ(host.alive(), 2U);
    EXPECT_FALSE(happened.is_set());
    happened.set();
    happened.set();
    host.run_ready();
    EXPECT_EQ(host.alive(), 0U);

    happened.set();
    happened.set();  // counts once
    EXPECT_EQ(host.run(pass<auto_reset_event>, &happened), std::error_code());
    EXPECT_EQ(host.run(pass_within<auto_reset_event>, &happened, duration(1ms)),
              errc::deadline_exceeded);
}

TEST(AutoResetEvent, AStopAtAnyStepLosesNoSet) {
    for (int stop_at = 0; stop_at < 8; ++stop_at) {
        test_host host;
        auto_reset_event happened;
        auto first = host.spawn(pass<auto_reset_event>, &happened);
        auto second = host.spawn(pass<auto_reset_event>, &happened);
        host.run_and_act(stop_at, [&] {
            first.request_stop();
            happened.set();
        });
        happened.set();
        host.run_until_idle();
        const bool first_passed = test_host::take(first) == std::error_code();
        EXPECT_EQ(test_host::take(second), std::error_code());
        // Two sets: for both, or for the second and the next to come.
        EXPECT_EQ(happened.is_set(), !first_passed) << "stop_at=" << stop_at;
    }
}

}  // namespace
}  // namespace drama
