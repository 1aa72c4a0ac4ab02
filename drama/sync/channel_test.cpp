// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/channel.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "drama/coro/sleep.hpp"
#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_host;
using numbers = channel<std::unique_ptr<int>>;

struct log {
    std::vector<int> popped;
    std::vector<int> pushed;
    std::vector<std::error_code> errors;
};

task<void> push_range(numbers* to, int first, int last, log* seen) {
    for (int i = first; i < last; ++i) {
        auto pushed = co_await to->push(std::make_unique<int>(i));
        if (!pushed) {
            seen->errors.push_back(pushed.error());
            co_return;
        }
        seen->pushed.push_back(i);
    }
}

task<void> pop_all(numbers* from, log* seen) {
    for (;;) {
        auto popped = co_await from->pop();
        if (!popped) {
            seen->errors.push_back(popped.error());
            co_return;
        }
        seen->popped.push_back(**popped);
    }
}

task<void> push_and_close(numbers* to, int last, log* seen) {
    co_await push_range(to, 0, last, seen);
    to->close();
}

task<std::error_code> pop_within(numbers* from, duration timeout) {
    auto popped = co_await from->pop(timeout);
    co_return popped ? std::error_code() : popped.error();
}

task<std::error_code> push_within(numbers* to, int value, duration timeout) {
    auto boxed = std::make_unique<int>(value);
    auto pushed = co_await to->push(std::move(boxed), timeout);
    co_return pushed ? std::error_code() : pushed.error();
}

task<std::string> exchange_texts(channel<std::string>* through) {
    std::string long_text(100, 'x');
    auto first = co_await through->push(long_text);
    auto second = co_await through->push(std::string(200, 'y'));
    EXPECT_TRUE(first && second);
    auto got = co_await through->pop();
    auto other = co_await through->pop();
    co_return *got + *other;
}

std::vector<int> up_to(int last) {
    std::vector<int> all(static_cast<std::size_t>(last));
    std::iota(all.begin(), all.end(), 0);
    return all;
}

TEST(Channel, KeepsTheOrderAtEveryCapacity) {
    for (const std::size_t capacity : {0U, 1U, 2U, 7U, 100U}) {
        for (std::uint64_t seed = 0; seed < 5; ++seed) {
            test_host host(seed);
            numbers through(capacity);
            log seen;
            host.detach(push_and_close, &through, 50, &seen);
            host.detach(pop_all, &through, &seen);
            host.run_until_idle();
            EXPECT_EQ(seen.popped, up_to(50)) << "capacity=" << capacity << " seed=" << seed;
            EXPECT_EQ(seen.errors, std::vector<std::error_code>{errc::closed});
        }
    }
}

TEST(Channel, PushesWaitWhileItIsFull) {
    test_host host;
    numbers through(3);
    log seen;
    host.detach(push_range, &through, 0, 10, &seen);
    host.run_ready();
    EXPECT_EQ(seen.pushed.size(), 3U);
    EXPECT_EQ(through.size(), 3U);
    auto four = std::make_unique<int>(4);
    EXPECT_EQ(through.try_push(std::move(four)).error(), errc::queue_full);
    EXPECT_NE(four, nullptr);  // not taken

    EXPECT_EQ(**through.try_pop(), 0);
    EXPECT_EQ(through.size(), 3U);  // the waiting value moved up at once
    host.run_ready();
    EXPECT_EQ(seen.pushed.size(), 4U);
    through.close();
    host.run_ready();
    EXPECT_EQ(seen.errors, std::vector<std::error_code>{errc::closed});
}

TEST(Channel, AValueGoesStraightToOneWhoWaits) {
    test_host host;
    numbers through(1);
    log seen;
    host.detach(pop_all, &through, &seen);
    host.run_ready();
    EXPECT_TRUE(through.try_push(std::make_unique<int>(1)).has_value());
    EXPECT_EQ(through.size(), 0U);
    EXPECT_FALSE(through.try_pop());  // it is somebody's already
    host.run_ready();
    EXPECT_EQ(seen.popped, std::vector{1});
    through.close();
    host.run_ready();
}

TEST(Channel, PopsDrainWhatWasPushedBeforeTheClose) {
    test_host host;
    numbers through(4);
    log seen;
    host.run(push_range, &through, 0, 3, &seen);
    through.close();
    through.close();
    EXPECT_TRUE(through.is_closed());
    EXPECT_EQ(through.try_push(std::make_unique<int>(9)).error(), errc::closed);
    EXPECT_EQ(host.run(push_within, &through, 9, duration(1h)), errc::closed);
    host.run(pop_all, &through, &seen);
    EXPECT_EQ(seen.popped, up_to(3));
    EXPECT_EQ(seen.errors, std::vector<std::error_code>{errc::closed});
    EXPECT_FALSE(through.try_pop());
}

TEST(Channel, CloseEndsEveryWait) {
    test_host host;
    numbers full(0);
    numbers empty(1);
    log seen;
    for (int i = 0; i < 3; ++i) {
        host.detach(push_range, &full, 0, 1, &seen);
        host.detach(pop_all, &empty, &seen);
    }
    host.run_ready();
    full.close();
    empty.close();
    host.run_ready();
    EXPECT_EQ(seen.errors, std::vector<std::error_code>(6, errc::closed));
}

TEST(Channel, TimeoutsEndBothKindsOfWait) {
    test_host host;
    numbers through(0);
    EXPECT_EQ(host.run(pop_within, &through, duration(1ms)), errc::deadline_exceeded);
    EXPECT_EQ(host.run(push_within, &through, 1, duration(1ms)), errc::deadline_exceeded);
    EXPECT_EQ(host.run(pop_within, &through, duration(0)), errc::deadline_exceeded);
    EXPECT_EQ(host.timers_armed(), 0U);
}

TEST(Channel, CarriesTemporariesAndLvalues) {
    test_host host;
    channel<std::string> through(2);
    EXPECT_EQ(host.run(exchange_texts, &through), std::string(100, 'x') + std::string(200, 'y'));
}

TEST(Channel, DestroysWhatIsLeftInIt) {
    auto left = std::make_shared<int>(1);
    {
        channel<std::shared_ptr<int>> through(3);
        EXPECT_TRUE(through.try_push(std::shared_ptr<int>(left)).has_value());
        EXPECT_TRUE(through.try_push(std::shared_ptr<int>(left)).has_value());
        EXPECT_TRUE(through.try_pop());
        EXPECT_EQ(left.use_count(), 2);  // a popped value is not kept
    }
    EXPECT_EQ(left.use_count(), 1);
}

/// Whatever is stopped when: what was pushed is popped, once, and nothing else is.
TEST(Channel, AStopAtAnyStepLosesNoValue) {
    for (const std::size_t capacity : {0U, 1U, 2U}) {
        for (int stop_at = 0; stop_at < 24; ++stop_at) {
            for (std::size_t victim = 0; victim < 4; ++victim) {
                test_host host;
                numbers through(capacity);
                log seen;
                std::vector<join_handle<void>> tasks;
                tasks.push_back(host.spawn(push_range, &through, 0, 4, &seen));
                tasks.push_back(host.spawn(pop_all, &through, &seen));
                tasks.push_back(host.spawn(push_range, &through, 10, 14, &seen));
                tasks.push_back(host.spawn(pop_all, &through, &seen));
                host.run_and_act(stop_at, [&] { tasks[victim].request_stop(); });
                through.close();
                host.run_until_idle();
                EXPECT_EQ(host.alive(), 0U);
                std::sort(seen.pushed.begin(), seen.pushed.end());
                std::sort(seen.popped.begin(), seen.popped.end());
                EXPECT_EQ(seen.pushed, seen.popped)
                    << "capacity=" << capacity << " stop_at=" << stop_at << " victim=" << victim;
            }
        }
    }
}

}  // namespace
}  // namespace drama
