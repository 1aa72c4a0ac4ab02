// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/oneshot.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_host;
using boxed = std::unique_ptr<int>;

task<result<int>> receive(oneshot_receiver<boxed> from) {
    auto got = co_await from.receive();
    if (!got) {
        co_return fail(got.error());
    }
    co_return **got;
}

task<result<int>> receive_patiently(oneshot_receiver<boxed> from) {
    auto first = co_await from.receive(1ms);
    EXPECT_EQ(first.error(), errc::deadline_exceeded);
    auto got = co_await from.receive();
    if (!got) {
        co_return fail(got.error());
    }
    auto again = co_await from.receive();
    EXPECT_EQ(again.error(), errc::closed);
    co_return **got;
}

TEST(Oneshot, CarriesAValueThatIsThereAlready) {
    test_host host;
    auto [sender, receiver] = oneshot<boxed>();
    EXPECT_TRUE(sender.send(std::make_unique<int>(5)).has_value());
    EXPECT_EQ(host.run(receive, std::move(receiver)), 5);
}

TEST(Oneshot, WakesTheReceiver) {
    test_host host;
    auto [sender, receiver] = oneshot<boxed>();
    auto waiting = host.spawn(receive, std::move(receiver));
    host.run_ready();
    EXPECT_TRUE(sender.send(std::make_unique<int>(5)).has_value());
    host.run_ready();
    EXPECT_EQ(test_host::take(waiting), 5);
}

TEST(Oneshot, ADroppedSenderClosesIt) {
    for (const bool before : {true, false}) {
        test_host host;
        auto [made, receiver] = oneshot<boxed>();
        auto sender = std::make_unique<oneshot_sender<boxed>>(std::move(made));
        if (before) {
            sender.reset();
        }
        auto waiting = host.spawn(receive, std::move(receiver));
        host.run_ready();
        sender.reset();
        host.run_ready();
        EXPECT_EQ(test_host::take(waiting).error(), errc::closed);
    }
}

TEST(Oneshot, ADroppedReceiverTellsTheSender) {
    auto [sender, made] = oneshot<boxed>();
    {
        const oneshot_receiver<boxed> receiver(std::move(made));
    }
    EXPECT_EQ(sender.send(std::make_unique<int>(5)).error(), errc::closed);
}

TEST(Oneshot, IsReceivedOnceAndAfterATimeout) {
    test_host host;
    auto [sender, receiver] = oneshot<boxed>();
    auto waiting = host.spawn(receive_patiently, std::move(receiver));
    host.run_until_idle();
    EXPECT_TRUE(sender.send(std::make_unique<int>(5)).has_value());
    host.run_ready();
    EXPECT_EQ(test_host::take(waiting), 5);
}

TEST(Oneshot, AStopAtAnyStepEndsTheWaitOnce) {
    for (int stop_at = 0; stop_at < 4; ++stop_at) {
        for (const bool send_first : {true, false}) {
            test_host host;
            auto [sender, receiver] = oneshot<boxed>();
            auto waiting = host.spawn(receive, std::move(receiver));
            host.run_and_act(stop_at, [&] {
                if (send_first) {
                    EXPECT_TRUE(sender.send(std::make_unique<int>(5)).has_value());
                }
                waiting.request_stop();
            });
            const auto got = test_host::take(waiting);
            // Before its first turn a stopped task receives nothing; a granted value is kept.
            EXPECT_EQ(got.has_value(), send_first && stop_at > 0) << "stop_at=" << stop_at;
        }
    }
}

}  // namespace
}  // namespace drama
