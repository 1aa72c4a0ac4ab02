// SPDX-License-Identifier: Apache-2.0
#include "drama/coro/task.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "drama/base/result.hpp"
#include "drama/coro/sleep.hpp"
#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_host;

/// Notes how far from `base` the stack reaches here.
[[gnu::noinline]] void note_stack(const char* base, std::ptrdiff_t* deepest) {
    // The frame's address: AddressSanitizer keeps locals elsewhere.
    const std::ptrdiff_t used = base - static_cast<const char*>(__builtin_frame_address(0));
    *deepest = std::max(*deepest, used < 0 ? -used : used);
}

task<int> seven() {
    co_return 7;
}

task<int> sum_of(int times) {
    int sum = 0;
    for (int i = 0; i < times; ++i) {
        const int value = co_await seven();
        sum += value;
    }
    co_return sum;
}

task<std::unique_ptr<std::string>> make_text(std::unique_ptr<std::string> text) {
    text->append("!");
    co_return std::move(text);
}

task<std::unique_ptr<std::string>> pass_text() {
    auto text = std::make_unique<std::string>("moved");
    auto inner = make_text(std::move(text));
    co_return co_await std::move(inner);
}

task<void> throw_text(std::string text) {
    throw std::runtime_error(text);
    co_return;
}

task<std::string> catch_text() {
    std::string caught;
    try {
        co_await throw_text("inner");
    } catch (const std::runtime_error& error) {
        caught = error.what();
    }
    co_await yield_now();
    co_return caught;
}

task<void> pass_exception_on() {
    co_await throw_text("through");
}

/// Counts its lives.
struct counted {
    explicit counted(int* lives) noexcept : alive(lives) { ++*alive; }
    counted(const counted& other) noexcept : alive(other.alive) { ++*alive; }
    counted(counted&& other) noexcept : alive(other.alive) { ++*alive; }
    counted& operator=(const counted&) = default;
    ~counted() { --*alive; }
    int* alive;
};

task<counted> echo(counted value) {
    co_await yield_now();
    co_return value;
}

task<int> chain_counted(counted first, int length) {
    for (int i = 0; i < length; ++i) {
        auto next = echo(first);
        const counted got = co_await std::move(next);
        EXPECT_EQ(got.alive, first.alive);
    }
    co_return length;
}

task<int> lose_counted(counted value) {
    const counted local = value;
    co_await throw_text("lost");
    co_return *local.alive;
}

task<void> await_ready_many(std::size_t times, const char* base, std::ptrdiff_t* deepest) {
    for (std::size_t i = 0; i < times; ++i) {
        co_await this_task();
        const int value = co_await seven();
        if (value != 7) {
            co_return;
        }
    }
    note_stack(base, deepest);
}

task<int> descend(int depth, const char* base, std::ptrdiff_t* deepest) {
    if (depth == 0) {
        note_stack(base, deepest);
        co_return 0;
    }
    const int below = co_await descend(depth - 1, base, deepest);
    if (depth == 1000) {
        note_stack(base, deepest);
    }
    co_return below + 1;
}

task<int> descend_and_throw(int depth) {
    if (depth == 0) {
        co_await yield_now();
        throw std::runtime_error("bottom");
    }
    co_return co_await descend_and_throw(depth - 1);
}

task<runnable*> ask_for_self() {
    runnable& self = co_await this_task();
    co_return &self;
}

task<bool> same_self_inside() {
    runnable& outer = co_await this_task();
    runnable* const inner = co_await ask_for_self();
    const bool same = inner == &outer && current_runnable() == &outer;
    co_return same;
}

TEST(Task, DoesNothingUntilItIsAwaited) {
    int lives = 0;
    {
        auto never_awaited = echo(counted(&lives));
        EXPECT_EQ(lives, 1);  // the parameter, in the frame
    }
    EXPECT_EQ(lives, 0);
}

TEST(Task, YieldsItsValue) {
    test_host host;
    EXPECT_EQ(host.run(sum_of, 3), 21);
    EXPECT_EQ(host.counts().started, 1U);
    EXPECT_EQ(host.counts().ended, 1U);
}

TEST(Task, CarriesMoveOnlyValues) {
    test_host host;
    EXPECT_EQ(*host.run(pass_text), "moved!");
}

TEST(Task, ThrowsOutOfTheAwait) {
    test_host host;
    EXPECT_EQ(host.run(catch_text), "inner");
    EXPECT_THROW(host.run(pass_exception_on), std::runtime_error);
}

TEST(Task, DestroysEveryCopyOnce) {
    int lives = 0;
    {
        test_host host;
        EXPECT_EQ(host.run(chain_counted, counted(&lives), 10), 10);
        EXPECT_THROW(host.run(lose_counted, counted(&lives)), std::runtime_error);
    }
    EXPECT_EQ(lives, 0);
}

TEST(Task, MoveAssignmentDestroysTheOldFrame) {
    int lives = 0;
    int other_lives = 0;
    auto first = echo(counted(&lives));
    first = echo(counted(&other_lives));
    EXPECT_EQ(lives, 0);
    EXPECT_EQ(other_lives, 1);
    EXPECT_TRUE(static_cast<bool>(first));
}

TEST(Task, AwaitsAMillionReadyTasksWithoutStack) {
    test_host host;
    std::ptrdiff_t deepest = 0;
    const auto* const base = static_cast<const char*>(__builtin_frame_address(0));

    host.run(await_ready_many, std::size_t{1'000'000}, base, &deepest);

    EXPECT_GT(deepest, 0);
    EXPECT_LT(deepest, 16 * 1024);
    EXPECT_EQ(host.counts().turns, 1U);
}

TEST(Task, RecursesAHundredThousandDeepWithoutStack) {
    test_host host;
    std::ptrdiff_t deepest = 0;
    const auto* const base = static_cast<const char*>(__builtin_frame_address(0));

    EXPECT_EQ(host.run(descend, 100'000, base, &deepest), 100'000);

    EXPECT_GT(deepest, 0);
    EXPECT_LT(deepest, 16 * 1024);
    EXPECT_EQ(host.account().frame_bytes(), 0);
}

TEST(Task, ThrowsUpThroughDeepRecursion) {
    test_host host;
    EXPECT_THROW(host.run(descend_and_throw, 2'000), std::runtime_error);
    EXPECT_EQ(host.account().frame_bytes(), 0);
}

TEST(Task, RunsAwaitedTasksInsideTheAwaitingOne) {
    test_host host;
    EXPECT_TRUE(host.run(same_self_inside));
    EXPECT_EQ(current_runnable(), nullptr);
}

}  // namespace
}  // namespace drama
