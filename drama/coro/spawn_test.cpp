// SPDX-License-Identifier: Apache-2.0
#include "drama/coro/spawn.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>
#include <string>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_account;
using testing::test_host;

task<int> nothing() {
    co_return 0;
}

task<int> sleep_then(duration span, int value) {
    const auto slept = co_await sleep_for(span);
    co_return slept ? value : -1;
}

task<int> throw_later(duration span) {
    const auto slept = co_await sleep_for(span);
    if (slept) {
        throw std::runtime_error("thrown");
    }
    co_return 0;
}

task<void> hold(std::array<char, 2000> bulk, std::int64_t* seen) {
    runnable& self = co_await this_task();
    bulk[bulk.size() / 2] = 1;
    co_await yield_now();
    *seen = self.payer->frame_bytes() + *std::max_element(bulk.begin(), bulk.end());
}

task<void> sleeper(duration span) {
    co_await sleep_for(span);
}

task<std::string> hold_until_end(std::shared_ptr<int> held, std::string value) {
    co_await yield_now();
    *held = 1;
    co_return value + value;
}

/// Throws when it is moved for the `left`th time.
struct grudging {
    explicit grudging(int moves) noexcept : left(moves) {}
    grudging(grudging&& other) : left(other.left - 1) {
        if (left == 0) {
            throw std::runtime_error("moved too often");
        }
    }
    int left;
};

task<grudging> yield_grudging(int moves) {
    co_return grudging(moves);
}

/// What a joiner saw.
struct join_report {
    bool ended = false;
    int value = 0;
    std::error_code error;
    std::string thrown;
};

task<void> join_one(join_handle<int> target, join_report* report) {
    try {
        auto joined = co_await target.join();
        if (joined) {
            report->value = *joined;
        } else {
            report->error = joined.error();
        }
    } catch (const std::runtime_error& error) {
        report->thrown = error.what();
    }
    report->ended = true;
}

task<int> two_frames(int value) {
    co_return value;
}

/// The frame made first is not the one returned: the control block then comes from the heap.
task<result<int>> bounded_two_frames() {
    return with_deadline(1ms, two_frames(5));
}

TEST(Spawn, PutsTheControlBlockInFrontOfTheFrame) {
    test_host host;
    auto handle = host.spawn(nothing);

    const auto* const control = reinterpret_cast<const char*>(handle.get());
    const auto* const frame = static_cast<const char*>(handle.get()->resume_point.address());
    EXPECT_EQ(frame - control, static_cast<std::ptrdiff_t>(internal::spawn_prefix_bytes + 16));
    host.run_until_idle();
    EXPECT_EQ(test_host::take(handle), 0);
}

TEST(Spawn, FallsBackToTheHeapWhenTheFirstFrameIsAnother) {
    test_host host;
    auto handle = host.spawn(bounded_two_frames);

    const auto* const control = reinterpret_cast<const char*>(handle.get());
    const auto* const frame = static_cast<const char*>(handle.get()->resume_point.address());
    EXPECT_NE(frame - control, static_cast<std::ptrdiff_t>(internal::spawn_prefix_bytes + 16));
    host.run_until_idle();
    EXPECT_EQ(test_host::take(handle), 5);
}

TEST(Spawn, ChargesFramesWhileTheyLive) {
    test_host host;
    std::int64_t seen = 0;
    auto handle = host.spawn(hold, std::array<char, 2000>{}, &seen);
    EXPECT_GT(host.account().frame_bytes(), 2000);

    host.run_until_idle();
    EXPECT_GT(seen, 2000);
    EXPECT_GT(host.account().frame_bytes(), 2000);  // the handle keeps the value's frame
    handle = join_handle<void>();
    EXPECT_EQ(host.account().frame_bytes(), 0);
}

// All that a sleeping task takes: control block, frame, header and timer are one block, and the
// timer wheel and the scope only link it. GCC 12 keeps a temporary result and a copied source
// location in the frame. Without optimization frames also hold what no suspension needs.
#if !defined(__OPTIMIZE__)
constexpr std::size_t sleeper_bytes_max = 480;
#elif defined(__clang__)
constexpr std::size_t sleeper_bytes_max = 352;
#else
constexpr std::size_t sleeper_bytes_max = 400;
#endif

TEST(Spawn, ASleepingTaskIsSmall) {
    constexpr std::size_t count = 20'000;
    test_host host;
    frame_pool pool;
    {
        const frame_pool_binding bound(pool);
        for (std::size_t i = 0; i < count; ++i) {
            host.detach(sleeper, duration(1h));
        }
        host.run_ready();
        ASSERT_EQ(host.timers_armed(), count);

        EXPECT_LE(static_cast<std::size_t>(host.account().frame_bytes()) / count,
                  sleeper_bytes_max);
        // Slabs have ends that are left over: 1 %.
        EXPECT_LE(pool.held_bytes() / count, sleeper_bytes_max + sleeper_bytes_max / 100);
        host.run_until_idle();
    }
    EXPECT_EQ(host.account().frame_bytes(), 0);
}

TEST(Spawn, ParametersEndWithTheTaskThoughTheHandleStands) {
    test_host host;
    std::size_t alive_then = 0;
    std::shared_ptr<int> held(new int(0), [&](int* gone) {
        alive_then = host.alive();
        delete gone;
    });
    const std::weak_ptr<int> seen = held;
    auto handle = host.spawn(hold_until_end, std::move(held), std::string(100, 'x'));
    EXPECT_FALSE(seen.expired());

    host.run_until_idle();
    EXPECT_TRUE(seen.expired());
    EXPECT_EQ(alive_then, 1U);  // before the task counts as ended
    EXPECT_EQ(test_host::take(handle), std::string(200, 'x'));
}

TEST(Spawn, AResultThatNobodyTakesEndsWithTheHandle) {
    test_host host;
    {
        auto kept = host.spawn(hold_until_end, std::make_shared<int>(0), std::string(100, 'x'));
        auto dropped = host.spawn(hold_until_end, std::make_shared<int>(0), std::string(100, 'x'));
        host.run_one();
        dropped = join_handle<std::string>();
        host.run_until_idle();
        EXPECT_GT(host.account().frame_bytes(), 0);
    }
    EXPECT_EQ(host.account().frame_bytes(), 0);
}

TEST(Spawn, ATaskThatIsNeverLaunchedEndsWithItsParameters) {
    test_account account;
    auto held = std::make_shared<int>(0);
    auto made = internal::make_spawned(account, hold_until_end, held, std::string(100, 'x'));
    auto elsewhere = internal::make_spawned(account, bounded_two_frames);
    EXPECT_EQ(held.use_count(), 2);

    (*made)->abandon();
    (*elsewhere)->abandon();
    EXPECT_EQ(held.use_count(), 1);
    EXPECT_EQ(account.frame_bytes(), 0);
}

TEST(Spawn, AResultThatThrowsWhenItIsKeptBecomesTheException) {
    bool ended_well = false;
    for (int moves = 2; moves < 12 && !ended_well; ++moves) {
        test_host host;
        auto handle = host.spawn(yield_grudging, moves);
        host.run_until_idle();
        try {
            const grudging got = test_host::take(handle);
            ended_well = got.left > 0;
        } catch (const std::runtime_error& error) {
            EXPECT_STREQ(error.what(), "moved too often") << "moves=" << moves;
        }
        handle = join_handle<grudging>();
        EXPECT_EQ(host.account().frame_bytes(), 0) << "moves=" << moves;
    }
    EXPECT_TRUE(ended_well);
}

TEST(Spawn, ADroppedHandleLetsTheTaskGoOn) {
    test_host host;
    {
        auto handle = host.spawn(sleep_then, duration(1ms), 1);
    }
    EXPECT_EQ(host.alive(), 1U);
    host.run_until_idle();
    EXPECT_EQ(host.alive(), 0U);
    EXPECT_EQ(host.account().frame_bytes(), 0);
}

TEST(Join, YieldsTheValueWhetherItComesBeforeOrAfter) {
    for (const duration span : {duration(0), duration(1ms)}) {
        test_host host;
        join_report report;
        auto target = host.spawn(sleep_then, span, 4);
        if (span == duration::zero()) {
            host.run_until_idle();
        }
        host.detach(join_one, std::move(target), &report);
        host.run_until_idle();
        EXPECT_EQ(report.value, 4);
        EXPECT_EQ(host.account().frame_bytes(), 0);
    }
}

TEST(Join, RethrowsTheException) {
    test_host host;
    join_report report;
    host.detach(join_one, host.spawn(throw_later, duration(1ms)), &report);
    host.run_until_idle();
    EXPECT_EQ(report.thrown, "thrown");
}

/// Stops the joiner at every step of a schedule in which the target ends at a given step.
TEST(Join, AStopAtAnyStepEndsTheJoinOnceAndLosesNothing) {
    for (int stop_at = 0; stop_at < 6; ++stop_at) {
        test_host host;
        join_report report;
        auto target = host.spawn(sleep_then, duration(1ms), 4);
        auto joiner = host.spawn(join_one, std::move(target), &report);
        host.run_and_act(stop_at, [&] { joiner.request_stop(); });
        ASSERT_TRUE(report.ended) << "stop_at=" << stop_at;
        const bool stopped = report.error == errc::stop_requested;
        EXPECT_TRUE(stopped != (report.value == 4)) << "stop_at=" << stop_at;
        // Steps: target sleeps, joiner waits, timer, target ends, joiner resumes.
        EXPECT_EQ(stopped, stop_at < 4) << "stop_at=" << stop_at;
        EXPECT_EQ(host.alive(), 0U);
        joiner = join_handle<void>();
        EXPECT_EQ(host.account().frame_bytes(), 0);
    }
}

TEST(Join, StoppingTheTargetEndsItsSleep) {
    test_host host;
    join_report report;
    auto target = host.spawn(sleep_then, duration(1h), 4);
    host.run_ready();
    target.request_stop();
    host.detach(join_one, std::move(target), &report);
    host.run_ready();
    EXPECT_EQ(report.value, -1);
    EXPECT_EQ(host.timers_armed(), 0U);
}

TEST(Spawn, InheritsNothingItWasNotGiven) {
    test_host host;
    auto handle = host.spawn(nothing);
    EXPECT_EQ(handle.get()->payer, &host.account());
    EXPECT_EQ(handle.get()->home, &host);
    EXPECT_EQ(handle.get()->deadline, never);
    host.run_until_idle();
}

}  // namespace
}  // namespace drama
