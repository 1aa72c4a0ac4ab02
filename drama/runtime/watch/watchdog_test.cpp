// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/watch/watchdog.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <dlfcn.h>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama {
namespace {

struct reports {
    std::mutex mutex;
    std::vector<stall_report> seen;

    std::size_t count() {
        const std::lock_guard guard(mutex);
        return seen.size();
    }
};

runtime_options watched(reports& into, std::size_t workers = 1) {
    runtime_options options;
    options.workers = workers;
    options.log = [](const std::string&) {};
    options.on_stall = [&into](const stall_report& report) {
        const std::lock_guard guard(into.mutex);
        into.seen.push_back(report);
    };
    return options;
}

task<void> spin(std::atomic<bool>* release) {
    while (!release->load(std::memory_order_relaxed)) {
    }
    co_return;
}

// Where the function that spins would return to.
std::atomic<void*> spun_from{nullptr};

[[gnu::noinline]] void spin_inside(std::atomic<bool>* release) {
    spun_from = __builtin_return_address(0);
    while (!release->load(std::memory_order_relaxed)) {
    }
}

task<void> spin_deeper(std::atomic<bool>* release) {
    spin_inside(release);
    co_return;
}

task<void> spin_with_name(std::atomic<bool>* release) {
    co_await named("spinner", spin_deeper(release));
}

// As a report prints an address.
std::string offset_of(void* address) {
    Dl_info found{};
    EXPECT_NE(::dladdr(address, &found), 0);
    std::ostringstream text;
    text << "+0x" << std::hex
         << reinterpret_cast<std::uintptr_t>(address) -
                reinterpret_cast<std::uintptr_t>(found.dli_fbase);
    return text.str();
}

TEST(Watchdog, NamesTheTenantTaskSiteAndStackOfAStall) {
    reports into;
    runtime rt(watched(into));
    ASSERT_TRUE(rt.start());
    std::atomic<bool> release{false};

    auto hog = rt.try_spawn(rt.tenants().get_or_create("noisy"), spin_with_name, &release);
    ASSERT_TRUE(hog);
    while (into.count() == 0) {
        std::this_thread::yield();
    }
    release = true;
    ASSERT_TRUE(rt.stop());

    const stall_report& report = into.seen.front();
    EXPECT_EQ(report.tenant, "noisy");
    EXPECT_EQ(report.task, "spinner");
    EXPECT_NE(report.site.find("watchdog_test.cpp:"), std::string::npos) << report.site;
    EXPECT_GE(report.lasted, 100ms);
    EXPECT_LE(report.lasted, 1s);
    EXPECT_NE(report.stack.find(offset_of(spun_from.load())), std::string::npos) << report.stack;
    EXPECT_GE(rt.stats().stalls, 1U);
}

task<int> quick() {
    co_return 5;
}

TEST(Watchdog, DemotesASiteThatOverranThreeTimes) {
    reports into;
    runtime rt(watched(into));
    ASSERT_TRUE(rt.start());
    const tenant noisy = rt.tenants().get_or_create("noisy");
    const tenant victim = rt.tenants().get_or_create("victim");

    for (int i = 0; i < 20 && noisy.usage().demoted_turns.read() == 0; ++i) {
        std::atomic<bool> release{false};
        const std::uint64_t before = noisy.usage().hand_overs.read();
        auto hog = rt.try_spawn(noisy, spin, &release);
        ASSERT_TRUE(hog);
        while (noisy.usage().hand_overs.read() == before &&
               noisy.usage().demoted_turns.read() == 0) {
            // A core is taken only for others that wait.
            EXPECT_EQ(rt.sync_wait(victim, quick).value_or(0), 5);
        }
        release = true;
        while (!hog->is_done()) {
            std::this_thread::yield();
        }
    }

    EXPECT_GE(noisy.usage().demoted_turns.read(), 1U);
    EXPECT_TRUE(rt.stop());
}

TEST(Watchdog, LeavesHogsAloneWhenHandOverIsOff) {
    reports into;
    auto options = watched(into);
    options.hand_over = false;
    runtime rt(options);
    ASSERT_TRUE(rt.start());
    std::atomic<bool> release{false};
    auto hog = rt.try_spawn(rt.tenants().get_or_create("noisy"), spin, &release);
    ASSERT_TRUE(hog);
    auto starved = rt.try_spawn(rt.tenants().get_or_create("victim"), quick);
    ASSERT_TRUE(starved);

    while (into.count() == 0) {
        std::this_thread::yield();
    }

    EXPECT_FALSE(starved->is_done());
    EXPECT_EQ(rt.stats().hand_overs, 0U);
    release = true;
    EXPECT_TRUE(rt.stop());
}

int stuck(std::atomic<bool>* started) {
    started->store(true);
    for (;;) {
        std::this_thread::yield();
    }
}

task<result<int>> call_stuck(std::atomic<bool>* started) {
    co_return co_await blocking(stuck, started);
}

// In a process of its own: what is stuck stays stuck, and its memory and descriptors with it.
[[noreturn]] void stop_with_a_stuck_call() {
    std::atomic<bool> started{false};
    runtime_options options;
    options.workers = 1;
    options.shutdown_deadline = 50ms;
    runtime rt(options);
    if (!rt.start() ||
        !rt.try_spawn(rt.tenants().get_or_create("stubborn"), call_stuck, &started)) {
        std::_Exit(2);
    }
    while (!started.load()) {
        std::this_thread::yield();
    }
    const auto stopped = rt.stop();
    std::_Exit(!stopped && stopped.error() == errc::deadline_exceeded ? 0 : 1);
}

TEST(RuntimeDeathTest, StopEndsAtItsDeadlineWithAReportOfWhatIsLeft) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_EXIT(stop_with_a_stuck_call(), ::testing::ExitedWithCode(0), "stubborn");
}

}  // namespace
}  // namespace drama
