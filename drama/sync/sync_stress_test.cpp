// SPDX-License-Identifier: Apache-2.0
// Every primitive under several threads, random stops, timeouts and deadlines: nothing is lost,
// nothing is given twice, nobody sleeps for ever.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/sync/broadcast.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/condition.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/mutex.hpp"
#include "drama/sync/oneshot.hpp"
#include "drama/sync/semaphore.hpp"
#include "drama/sync/shared_mutex.hpp"
#include "tests/support/threaded_host.hpp"

namespace drama {
namespace {

using testing::threaded_host;

constexpr int tasks_in_all = 500;
constexpr int rounds = 200;
constexpr int operations = tasks_in_all * rounds;

/// What every worker shares: how often it got what it wanted, and how often not.
struct tally {
    std::atomic<int> done{0};
    std::atomic<int> failed{0};
};

/// A timeout that is sometimes none, sometimes at once, sometimes a few turns.
duration draw_timeout(prng& random) {
    switch (random.below(4)) {
        case 0:
            return duration::zero();
        case 1:
            return duration(random.below(20'000));
        default:
            return duration::max();
    }
}

template <class Result>
bool count(const Result& outcome, tally& to) {
    (outcome ? to.done : to.failed).fetch_add(1, std::memory_order_relaxed);
    EXPECT_TRUE(outcome || outcome.error() == errc::stop_requested ||
                outcome.error() == errc::deadline_exceeded || outcome.error() == errc::closed);
    return outcome.has_value();
}

/// Runs `worker(shared, seed, &tally)` in many tasks at once and stops random ones meanwhile.
/// Every task makes `rounds` operations even when it is stopped; they fail then.
template <class Shared>
void storm(std::uint64_t seed, Shared* shared, task<void> (*worker)(Shared*, std::uint64_t, tally*),
           tally* result) {
    SCOPED_TRACE(::testing::Message() << "seed=" << seed);
    threaded_host host(4, seed);
    prng random(seed);
    std::deque<join_handle<void>> tasks;
    for (int i = 0; i < tasks_in_all; ++i) {
        tasks.push_back(host.spawn(worker, shared, random.next(), result));
        if (random.below(4) == 0) {
            tasks[random.below(tasks.size())].request_stop();
        }
        if (tasks.size() > 64) {
            tasks.pop_front();
        }
    }
    host.wait_until_idle();
    EXPECT_EQ(result->done + result->failed, operations);
    EXPECT_GT(result->done, operations / 20);
    tasks.clear();
    EXPECT_EQ(host.account().frame_bytes(), 0);
}

struct guarded_number {
    mutex lock;
    int value = 0;  // plain: the lock is all that guards it
};

task<result<mutex_guard>> lock_it(guarded_number* shared, duration timeout) {
    auto guard = co_await shared->lock.lock(timeout);
    co_return std::move(guard);
}

task<void> add_under_mutex(guarded_number* shared, std::uint64_t seed, tally* to) {
    prng random(seed);
    for (int i = 0; i < rounds; ++i) {
        auto locking = lock_it(shared, draw_timeout(random));
        const duration limit =
            random.below(4) == 0 ? duration(random.below(20'000)) : duration::max();
        auto guard = co_await with_deadline(limit, std::move(locking));
        if (!count(guard, *to)) {
            continue;
        }
        ++shared->value;
        if (random.below(3) == 0) {
            [[maybe_unused]] const auto went_on = co_await yield_now();
        }
    }
}

TEST(SyncStress, AMutexIsHeldByOne) {
    guarded_number shared;
    tally result;
    storm(11, &shared, add_under_mutex, &result);
    EXPECT_EQ(shared.value, result.done);
    EXPECT_TRUE(shared.lock.try_lock());
}

struct shared_number {
    shared_mutex lock;
    std::array<int, 2> twins{};  // equal whenever nobody writes
};

task<void> read_or_write(shared_number* shared, std::uint64_t seed, tally* to) {
    prng random(seed);
    for (int i = 0; i < rounds; ++i) {
        if (random.below(4) == 0) {
            auto guard = co_await shared->lock.lock(draw_timeout(random));
            if (count(guard, *to)) {
                ++shared->twins[0];
                [[maybe_unused]] const auto went_on = co_await yield_now();
                ++shared->twins[1];
            }
        } else {
            auto guard = co_await shared->lock.lock_shared(draw_timeout(random));
            if (count(guard, *to)) {
                EXPECT_EQ(shared->twins[0], shared->twins[1]);
            }
        }
    }
}

TEST(SyncStress, ASharedMutexKeepsReadersAndWritersApart) {
    shared_number shared;
    tally result;
    storm(12, &shared, read_or_write, &result);
    EXPECT_EQ(shared.twins[0], shared.twins[1]);
    EXPECT_TRUE(shared.lock.try_lock());
}

struct pool {
    semaphore permits{5};
    std::atomic<int> taken{0};
};

task<void> take_permits(pool* shared, std::uint64_t seed, tally* to) {
    prng random(seed);
    for (int i = 0; i < rounds; ++i) {
        const std::size_t wanted = 1 + random.below(5);
        auto permit = co_await shared->permits.acquire(wanted, draw_timeout(random));
        if (!count(permit, *to)) {
            continue;
        }
        const int mine = static_cast<int>(wanted);
        EXPECT_LE(shared->taken.fetch_add(mine) + mine, 5);
        if (random.below(2) == 0) {
            [[maybe_unused]] const auto went_on = co_await yield_now();
        }
        shared->taken.fetch_sub(mine);
    }
}

TEST(SyncStress, ASemaphoreGivesOutNoMoreThanItHasAndLosesNone) {
    pool shared;
    tally result;
    storm(13, &shared, take_permits, &result);
    EXPECT_EQ(shared.permits.available(), 5U);
}

struct baton {
    auto_reset_event free{true};
    int holders = 0;  // plain: the baton is all that guards it
};

task<void> pass_baton(baton* shared, std::uint64_t seed, tally* to) {
    prng random(seed);
    for (int i = 0; i < rounds; ++i) {
        const auto passed = co_await shared->free.wait(draw_timeout(random));
        if (!count(passed, *to)) {
            continue;
        }
        EXPECT_EQ(shared->holders++, 0);
        if (random.below(3) == 0) {
            [[maybe_unused]] const auto went_on = co_await yield_now();
        }
        --shared->holders;
        shared->free.set();
    }
}

TEST(SyncStress, AnAutoResetEventIsABatonThatIsNeverLost) {
    baton shared;
    tally result;
    storm(14, &shared, pass_baton, &result);
    EXPECT_TRUE(shared.free.is_set());
}

/// A bounded line made of a mutex and two conditions.
struct hand_made_line {
    mutex lock;
    condition room;
    condition item;
    int stored = 0;
    long put = 0;
    long got = 0;
};

task<bool> put_one(hand_made_line* line, duration timeout) {
    auto guard = co_await line->lock.lock();
    if (!guard) {
        co_return false;
    }
    while (line->stored == 3) {
        const auto notified = co_await line->room.wait(*guard, timeout);
        if (!notified) {
            co_return false;
        }
    }
    ++line->stored;
    ++line->put;
    line->item.notify_one();
    co_return true;
}

task<bool> get_one(hand_made_line* line, duration timeout) {
    auto guard = co_await line->lock.lock();
    if (!guard) {
        co_return false;
    }
    while (line->stored == 0) {
        const auto notified = co_await line->item.wait(*guard, timeout);
        if (!notified) {
            co_return false;
        }
    }
    --line->stored;
    ++line->got;
    line->room.notify_one();
    co_return true;
}

task<void> put_or_get(hand_made_line* line, std::uint64_t seed, tally* to) {
    prng random(seed);
    const bool puts = random.below(2) == 0;
    for (int i = 0; i < rounds; ++i) {
        // Always a timeout: the sides are not balanced.
        const duration timeout(random.below(100'000));
        auto move = puts ? put_one(line, timeout) : get_one(line, timeout);
        const bool moved = co_await std::move(move);
        (moved ? to->done : to->failed).fetch_add(1, std::memory_order_relaxed);
    }
}

TEST(SyncStress, AConditionLosesNoNotification) {
    hand_made_line line;
    tally result;
    storm(15, &line, put_or_get, &result);
    EXPECT_EQ(line.put - line.got, line.stored);
    EXPECT_TRUE(line.lock.try_lock());
}

struct numbered_channel {
    explicit numbered_channel(std::size_t capacity) : values(capacity) {}
    channel<std::unique_ptr<long>> values;
    std::atomic<long> next{1};
    std::atomic<long> pushed{0};
    std::atomic<long> popped{0};
    std::atomic<long> pushed_sum{0};
    std::atomic<long> popped_sum{0};
};

task<void> push_or_pop(numbered_channel* shared, std::uint64_t seed, tally* to) {
    prng random(seed);
    for (int i = 0; i < rounds; ++i) {
        const duration timeout(random.below(50'000));
        if (random.below(2) == 0) {
            const long number = shared->next.fetch_add(1);
            auto boxed = std::make_unique<long>(number);
            const auto pushed = co_await shared->values.push(std::move(boxed), timeout);
            if (count(pushed, *to)) {
                shared->pushed.fetch_add(1);
                shared->pushed_sum.fetch_add(number);
            }
        } else {
            const auto popped = co_await shared->values.pop(timeout);
            if (count(popped, *to)) {
                shared->popped.fetch_add(1);
                shared->popped_sum.fetch_add(**popped);
            }
        }
    }
}

TEST(SyncStress, AChannelDeliversEveryValueOnce) {
    for (const std::size_t capacity : {0U, 1U, 16U}) {
        numbered_channel shared(capacity);
        tally result;
        storm(16 + capacity, &shared, push_or_pop, &result);
        while (auto left = shared.values.try_pop()) {
            shared.popped.fetch_add(1);
            shared.popped_sum.fetch_add(**left);
        }
        EXPECT_EQ(shared.pushed, shared.popped);
        EXPECT_EQ(shared.pushed_sum, shared.popped_sum);
    }
}

/// Threads without tasks push, pop, unlock and notify as well.
TEST(SyncStress, ForeignThreadsTakePart) {
    numbered_channel shared(4);
    tally result;
    std::atomic<bool> leaving{false};
    std::thread foreign([&] {
        while (!leaving.load()) {
            const long number = shared.next.fetch_add(1);
            if (shared.values.try_push(std::make_unique<long>(number))) {
                shared.pushed.fetch_add(1);
                shared.pushed_sum.fetch_add(number);
            }
            if (auto popped = shared.values.try_pop()) {
                shared.popped.fetch_add(1);
                shared.popped_sum.fetch_add(**popped);
            }
        }
    });
    storm(20, &shared, push_or_pop, &result);
    leaving = true;
    foreign.join();
    while (auto left = shared.values.try_pop()) {
        shared.popped.fetch_add(1);
        shared.popped_sum.fetch_add(**left);
    }
    EXPECT_EQ(shared.pushed, shared.popped);
    EXPECT_EQ(shared.pushed_sum, shared.popped_sum);
}

struct no_state {};

task<void> send_later(oneshot_sender<int> sender, bool sends) {
    [[maybe_unused]] const auto went_on = co_await yield_now();
    if (sends) {
        [[maybe_unused]] const auto sent = sender.send(1);  // the receiver may be gone
    }
}

task<void> receive_in_scope(scope_handle scope, std::uint64_t seed, tally* to) {
    prng random(seed);
    for (int i = 0; i < rounds; ++i) {
        auto [sender, receiver] = oneshot<int>();
        const bool sends = random.below(4) != 0;
        {
            // Drop the handle: it would keep the child's frame, and so its parameter, the sender.
            const auto child = scope.spawn(send_later, std::move(sender), sends);
            EXPECT_TRUE(child.has_value());
        }
        const auto got = co_await receiver.receive(draw_timeout(random));
        if (count(got, *to)) {
            EXPECT_TRUE(sends);
        } else {
            EXPECT_TRUE(!sends || got.error() != errc::closed);
        }
    }
}

task<void> receive_many(no_state*, std::uint64_t seed, tally* to) {
    co_await in_scope(receive_in_scope, seed, to);
}

TEST(SyncStress, AOneshotEndsWithItsValueOrItsSender) {
    no_state shared;
    tally result;
    storm(21, &shared, receive_many, &result);
}

task<void> open_and_pass(event* gate, std::uint64_t seed, tally* to) {
    prng random(seed);
    for (int i = 0; i < rounds; ++i) {
        if (random.below(2) == 0) {
            gate->set();
        } else {
            gate->reset();
        }
        const auto passed = co_await gate->wait(duration(random.below(50'000)));
        count(passed, *to);
    }
}

TEST(SyncStress, AnEventStrandsNobody) {
    event gate;
    tally result;
    storm(22, &gate, open_and_pass, &result);
}

struct heard {
    std::uint64_t values = 0;
    std::uint64_t lagged = 0;
    bool in_order = true;
};

task<void> listen(broadcast_receiver<std::uint64_t> from, std::uint64_t seed, heard* to) {
    prng random(seed);
    for (std::uint64_t expected = 0;;) {
        const auto got = co_await from.next(draw_timeout(random));
        if (!got) {
            if (got.error() == errc::closed) {
                co_return;
            }
            [[maybe_unused]] const auto went_on = co_await yield_now();
            continue;
        }
        expected += got->lagged;
        to->in_order = to->in_order && got->value == expected++;
        ++to->values;
        to->lagged += got->lagged;
    }
}

task<void> announce(broadcast<std::uint64_t>* to, std::uint64_t values, std::uint64_t seed) {
    prng random(seed);
    for (std::uint64_t i = 0; i < values; ++i) {
        EXPECT_TRUE(to->send(i).has_value());
        if (random.below(4) == 0) {
            [[maybe_unused]] const auto went_on = co_await yield_now();
        }
    }
    to->close();
}

TEST(SyncStress, ABroadcastAccountsForEveryValue) {
    constexpr std::uint64_t values = 20'000;
    broadcast<std::uint64_t> news(8);
    std::vector<heard> listeners(6);
    {
        threaded_host host(4, 23);
        for (std::size_t i = 0; i < listeners.size(); ++i) {
            const auto handle = host.spawn(listen, news.subscribe(), i, &listeners[i]);
        }
        const auto handle = host.spawn(announce, &news, values, std::uint64_t{23});
        host.wait_until_idle();
    }
    for (const heard& each : listeners) {
        EXPECT_EQ(each.values + each.lagged, values);
        EXPECT_TRUE(each.in_order);
    }
}

}  // namespace
}  // namespace drama
