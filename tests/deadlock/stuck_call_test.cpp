// SPDX-License-Identifier: Apache-2.0
// D12: the end of a runtime while one of its calls is stuck for ever. It ends at its deadline and
// says which call.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <semaphore>
#include <source_location>
#include <string>

#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/carrier_threads.hpp"
#include "drama/sim/seed.hpp"
#include "drama/sim/simulation.hpp"

namespace drama::deadlock {
namespace {

constexpr std::size_t sizes[] = {1, 2, 4};

struct lines {
    std::mutex lock;
    std::string text;

    void add(const std::string& line) {
        const std::lock_guard guard(lock);
        text += line + '\n';
    }
};

// A runtime that was left to itself keeps its memory: so these are not the suite's thousands.
constexpr std::uint64_t seeds = 100;

// What was left to itself may still have something to say.
runtime_options options_with(std::size_t workers, std::shared_ptr<lines> into) {
    runtime_options made;
    made.workers = workers;
    made.shutdown_deadline = 50ms;
    made.log = [into = std::move(into)](const std::string& line) { into->add(line); };
    return made;
}

bool is_named(lines& from) {
    const std::lock_guard guard(from.lock);
    const std::string file = std::source_location::current().file_name();
    return from.text.find("a blocking call of tenant 'stuck' from " + file + ':') !=
           std::string::npos;
}

// Longer than the deadline.
int block_for_long() {
    sim::block(200ms);
    return 1;
}

task<void> call_for_long() {
    auto called = co_await blocking(block_for_long);
    static_cast<void>(called);
}

task<void> sleep_long() {
    auto slept = co_await sleep_for(1h);
    static_cast<void>(slept);
}

TEST(StuckCall, IsNamedWhenTheRuntimeEndsAtItsDeadline) {
    carrier_threads carriers;
    for (const std::size_t size : sizes) {
        for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
            sim_options options;
            options.carriers = &carriers;
            simulation sim(seed, options);
            const auto said = std::make_shared<lines>();
            runtime rt(sim.world(), options_with(size, said));
            ASSERT_TRUE(rt.start());
            ASSERT_TRUE(rt.try_spawn(rt.tenants().get_or_create("stuck"), call_for_long));
            ASSERT_TRUE(rt.try_spawn(rt.tenants().get_or_create("other"), sleep_long));
            sim.run_for(1ms);
            const instant began = sim.now();
            const auto stopped = rt.stop();
            ASSERT_FALSE(stopped) << replay_line(seed);
            ASSERT_EQ(stopped.error(), errc::deadline_exceeded) << replay_line(seed);
            ASSERT_LT(sim.now() - began, 60ms) << replay_line(seed);
            ASSERT_TRUE(is_named(*said)) << said->text << replay_line(seed);
            // What is left to itself may still be asked, and refuses.
            ASSERT_EQ(rt.tenants().get_or_create("stuck").name(), "stuck");
            ASSERT_GE(rt.stats().blocking_threads, 1U);
            ASSERT_FALSE(rt.try_spawn(rt.tenants().get_or_create("late"), sleep_long));
            ASSERT_TRUE(rt.stop());
            sim.run_for(300ms);  // its thread comes back
        }
    }
}

// A call that is stuck until it is let go. Each has gates of its own: one whose thread is slow to
// come back would take what lets the next one go.
struct held_call {
    std::binary_semaphore has_begun{0};
    std::binary_semaphore let_go{0};
};

int block_until_let_go(held_call* mine) {
    mine->has_begun.release();
    mine->let_go.acquire();
    return 1;
}

task<void> call_until_let_go(held_call* mine) {
    auto called = co_await blocking(block_until_let_go, mine);
    static_cast<void>(called);
}

// Empty if the runtime ended as it must; else what it did. The call's thread may come back whenever
// it likes, so what it looks at stays.
std::string end_with_a_stuck_call(const char* backend, std::size_t size) {
    auto& call = *new held_call;
    const auto said = std::make_shared<lines>();
    runtime_options options = options_with(size, said);
    options.io = backend;
    runtime rt(options);
    if (!rt.start() ||
        !rt.try_spawn(rt.tenants().get_or_create("stuck"), call_until_let_go, &call)) {
        return "it does not start";
    }
    call.has_begun.acquire();
    const auto stopped = rt.stop();
    const bool is_said = is_named(*said);
    call.let_go.release();
    if (stopped || stopped.error() != errc::deadline_exceeded) {
        return stopped ? "it stopped" : stopped.error().message();
    }
    return is_said ? "" : "the call is not named";
}

int count_wrong_ends() {
    int wrong = 0;
    for (const char* const backend : {"epoll", "uring"}) {
        for (const std::size_t size : sizes) {
            if (const auto what = end_with_a_stuck_call(backend, size); !what.empty()) {
                std::fprintf(stderr, "%s, %zu workers: %s\n", backend, size, what.c_str());
                ++wrong;
            }
        }
    }
    return wrong;
}

TEST(StuckCallDeathTest, IsNamedOnTheMachineToo) {
    EXPECT_EXIT(std::_Exit(count_wrong_ends()), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace drama::deadlock
