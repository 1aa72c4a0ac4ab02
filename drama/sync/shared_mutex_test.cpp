// SPDX-License-Identifier: Apache-2.0
#include "drama/sync/shared_mutex.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "drama/coro/sleep.hpp"
#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_host;

struct log {
    std::string order;
    int readers = 0;
    int writers = 0;
    int readers_most = 0;
    int failed = 0;
};

task<void> read(shared_mutex* of, duration span, log* to) {
    auto guard = co_await of->lock_shared();
    if (!guard) {
        ++to->failed;
        co_return;
    }
    to->order += 'r';
    EXPECT_EQ(to->writers, 0);
    to->readers_most = std::max(to->readers_most, ++to->readers);
    [[maybe_unused]] const auto slept = co_await sleep_for(span);
    --to->readers;
}

task<void> write(shared_mutex* of, duration span, log* to) {
    auto guard = co_await of->lock();
    if (!guard) {
        ++to->failed;
        co_return;
    }
    to->order += 'w';
    EXPECT_EQ(to->writers, 0);
    EXPECT_EQ(to->readers, 0);
    ++to->writers;
    [[maybe_unused]] const auto slept = co_await sleep_for(span);
    --to->writers;
}

task<std::error_code> write_within(shared_mutex* of, duration timeout) {
    auto guard = co_await of->lock(timeout);
    co_return guard ? std::error_code() : guard.error();
}

task<std::error_code> read_within(shared_mutex* of, duration timeout) {
    auto guard = co_await of->lock_shared(timeout);
    co_return guard ? std::error_code() : guard.error();
}

bool is_free(shared_mutex& of) {
    return of.try_lock().has_value();
}

TEST(SharedMutex, ReadersShareAndWritersDoNot) {
    shared_mutex lock;
    auto first = lock.try_lock_shared();
    auto second = lock.try_lock_shared();
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(lock.try_lock());
    first->unlock();
    EXPECT_FALSE(lock.try_lock());
    second.reset();
    auto writer = lock.try_lock();
    EXPECT_TRUE(writer);
    EXPECT_FALSE(lock.try_lock_shared());
    EXPECT_FALSE(lock.try_lock());
    writer.reset();
    EXPECT_TRUE(is_free(lock));
}

TEST(SharedMutex, ReadersGoTogether) {
    test_host host;
    shared_mutex lock;
    log seen;
    const instant begun = host.now();
    for (int i = 0; i < 5; ++i) {
        host.detach(read, &lock, duration(1ms), &seen);
    }
    host.run_until_idle();
    EXPECT_EQ(seen.readers_most, 5);
    EXPECT_EQ(host.now() - begun, 1ms);
}

TEST(SharedMutex, AReaderDoesNotOvertakeAWriterThatWaits) {
    test_host host;
    shared_mutex lock;
    log seen;
    host.detach(read, &lock, duration(1ms), &seen);
    host.detach(write, &lock, duration(1ms), &seen);
    host.detach(read, &lock, duration(1ms), &seen);
    host.detach(read, &lock, duration(1ms), &seen);
    host.detach(write, &lock, duration(1ms), &seen);
    host.run_ready();
    EXPECT_FALSE(lock.try_lock_shared());
    host.run_until_idle();
    EXPECT_EQ(seen.order, "rwrrw");
    EXPECT_EQ(seen.readers_most, 2);
    EXPECT_TRUE(is_free(lock));
}

TEST(SharedMutex, AWriterThatGivesUpLetsTheReadersBehindItGo) {
    test_host host;
    shared_mutex lock;
    log seen;
    host.detach(read, &lock, duration(1h), &seen);
    auto writer = host.spawn(write, &lock, duration(1ms), &seen);
    host.detach(read, &lock, duration(1ms), &seen);
    host.run_ready();
    EXPECT_EQ(seen.order, "r");
    writer.request_stop();
    host.run_ready();
    EXPECT_EQ(seen.order, "rr");
    EXPECT_EQ(seen.failed, 1);
    host.run_until_idle();
    EXPECT_TRUE(is_free(lock));
}

TEST(SharedMutex, TimeoutsEndBothKindsOfWait) {
    test_host host;
    shared_mutex lock;
    auto writer = lock.try_lock();
    EXPECT_EQ(host.run(write_within, &lock, duration(1ms)), errc::deadline_exceeded);
    EXPECT_EQ(host.run(read_within, &lock, duration(1ms)), errc::deadline_exceeded);
    writer.reset();
    EXPECT_EQ(host.run(write_within, &lock, duration(0)), std::error_code());
    EXPECT_EQ(host.run(read_within, &lock, duration(0)), std::error_code());
    EXPECT_TRUE(is_free(lock));
}

TEST(SharedMutex, AStopAtAnyStepLeavesItFree) {
    for (int stop_at = 0; stop_at < 16; ++stop_at) {
        for (std::size_t victim = 0; victim < 5; ++victim) {
            test_host host;
            shared_mutex lock;
            log seen;
            std::vector<join_handle<void>> tasks;
            for (const char kind : std::string("wrwrr")) {
                tasks.push_back(
                    host.spawn(kind == 'w' ? write : read, &lock, duration(1ms), &seen));
            }
            host.run_and_act(stop_at, [&] { tasks[victim].request_stop(); });
            EXPECT_EQ(host.alive(), 0U);
            EXPECT_EQ(static_cast<int>(seen.order.size()) + seen.failed, 5);
            EXPECT_TRUE(is_free(lock)) << "stop_at=" << stop_at << " victim=" << victim;
        }
    }
}

TEST(SharedMutex, ShowsTheWriterThatHoldsIt) {
    test_host host;
    shared_mutex lock;
    log seen;
    auto writer = host.spawn(write, &lock, duration(1ms), &seen);
    auto reader = host.spawn(read, &lock, duration(1ms), &seen);
    host.run_ready();
    EXPECT_EQ(lock.holder(), writer.get());
    reader.get()->inspect_wait([&](const wait_record* record) {
        ASSERT_NE(record, nullptr);
        EXPECT_EQ(record->current_holder(), writer.get());
    });
    host.run_until_idle();
    EXPECT_EQ(lock.holder(), nullptr);
}

}  // namespace
}  // namespace drama
