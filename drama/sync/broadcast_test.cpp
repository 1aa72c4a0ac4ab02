// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/broadcast.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_host;

struct log {
    std::vector<int> values;
    std::uint64_t lagged = 0;
    std::error_code error;
};

task<void> listen(broadcast_receiver<int> from, log* to) {
    for (;;) {
        auto got = co_await from.next();
        if (!got) {
            to->error = got.error();
            co_return;
        }
        to->values.push_back(got->value);
        to->lagged += got->lagged;
    }
}

task<std::error_code> listen_within(broadcast_receiver<int> from, duration timeout) {
    auto got = co_await from.next(timeout);
    co_return got ? std::error_code() : got.error();
}

TEST(Broadcast, EveryReceiverSeesEveryValue) {
    test_host host;
    broadcast<int> news(2);
    std::vector<log> seen(3);
    for (log& each : seen) {
        host.detach(listen, news.subscribe(), &each);
    }
    host.run_ready();
    for (int value = 0; value < 5; ++value) {
        EXPECT_TRUE(news.send(value).has_value());
        host.run_ready();
    }
    news.close();
    host.run_ready();
    for (const log& each : seen) {
        EXPECT_EQ(each.values, (std::vector{0, 1, 2, 3, 4}));
        EXPECT_EQ(each.lagged, 0U);
        EXPECT_EQ(each.error, errc::closed);
    }
    EXPECT_EQ(news.send(9).error(), errc::closed);
}

TEST(Broadcast, ASlowReceiverIsToldHowManyItLost) {
    test_host host;
    broadcast<int> news(3);
    auto receiver = news.subscribe();
    for (int value = 0; value < 10; ++value) {
        EXPECT_TRUE(news.send(value).has_value());
    }
    auto got = receiver.try_next();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->value, 7);
    EXPECT_EQ(got->lagged, 7U);
    auto copy = receiver;
    EXPECT_EQ(receiver.try_next()->value, 8);
    EXPECT_EQ(receiver.try_next()->lagged, 0U);
    EXPECT_FALSE(receiver.try_next());
    EXPECT_EQ(copy.try_next()->value, 8);  // each from its own place
}

TEST(Broadcast, AWokenReceiverKeepsItsValueHoweverManyFollow) {
    test_host host;
    broadcast<int> news(1);
    log seen;
    host.detach(listen, news.subscribe(), &seen);
    host.run_ready();
    for (int value = 0; value < 4; ++value) {
        EXPECT_TRUE(news.send(value).has_value());
    }
    host.run_ready();
    EXPECT_EQ(seen.values, (std::vector{0, 3}));
    EXPECT_EQ(seen.lagged, 2U);
    news.close();
    host.run_ready();
}

TEST(Broadcast, BeginsWhereOneSubscribes) {
    test_host host;
    broadcast<int> news(8);
    EXPECT_TRUE(news.send(1).has_value());
    auto receiver = news.subscribe();
    EXPECT_FALSE(receiver.try_next());
    EXPECT_EQ(host.run(listen_within, receiver, duration(1ms)), errc::deadline_exceeded);
    EXPECT_TRUE(news.send(2).has_value());
    EXPECT_EQ(host.run(listen_within, receiver, duration(1ms)), std::error_code());
}

TEST(Broadcast, KeptValuesOutliveTheClose) {
    test_host host;
    broadcast<int> news(8);
    log seen;
    auto receiver = news.subscribe();
    EXPECT_TRUE(news.send(1).has_value());
    news.close();
    host.run(listen, receiver, &seen);
    EXPECT_EQ(seen.values, std::vector{1});
    EXPECT_EQ(seen.error, errc::closed);
}

TEST(Broadcast, AStoppedReceiverMissesNothingItMayStillRead) {
    test_host host;
    broadcast<int> news(4);
    log seen;
    auto receiver = news.subscribe();
    auto waiting = host.spawn(listen, receiver, &seen);
    host.run_ready();
    waiting.request_stop();
    EXPECT_TRUE(news.send(1).has_value());
    host.run_ready();
    EXPECT_EQ(seen.error, errc::stop_requested);
    EXPECT_EQ(receiver.try_next()->value, 1);
}

TEST(Broadcast, FreesWhatItNoLongerKeeps) {
    auto value = std::make_shared<const int>(1);
    broadcast<std::shared_ptr<const int>> news(1);
    EXPECT_TRUE(news.send(value).has_value());
    EXPECT_EQ(value.use_count(), 2);
    EXPECT_TRUE(news.send(nullptr).has_value());
    EXPECT_EQ(value.use_count(), 1);
}

}  // namespace
}  // namespace drama
