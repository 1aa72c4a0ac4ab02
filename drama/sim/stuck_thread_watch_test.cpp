// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/stuck_thread_watch.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include "drama/sim/internal/step_beat.hpp"

namespace drama {
namespace {

[[gnu::noinline]] void turns_round_for_ever() {
    for (;;) {
        asm volatile("");  // else the compiler may take the loop away
    }
}

[[gnu::noinline]] void waits_for_ever() {
    for (;;) {
        ::poll(nullptr, 0, 1'000);
    }
}

TEST(StuckThreadWatchDeathTest, AStepThatRunsForEverEndsTheProgram) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            const stuck_thread_watch looks_on({.cpu_time = 200ms, .time = 1h});
            const stuck_thread_watch::during_run lasts;
            internal::beat_step();
            turns_round_for_ever();
        },
        "a step of the simulation does not end: it runs and runs without an await");
}

TEST(StuckThreadWatchDeathTest, AStepThatWaitsOutsideOfTheSimulationEndsTheProgram) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            const stuck_thread_watch looks_on({.cpu_time = 1h, .time = 300ms});
            const stuck_thread_watch::during_run lasts;
            internal::beat_step();
            waits_for_ever();
        },
        "does not end: it waits for something outside of the simulation");
}

TEST(StuckThreadWatch, LetsAloneWhoIsBetweenTwoRuns) {
    const stuck_thread_watch looks_on({.cpu_time = 1ms, .time = 100ms});
    internal::beat_step();
    for (int i = 0; i != 4; ++i) {
        ::poll(nullptr, 0, 100);  // no run lasts: nothing is stuck
    }
}

}  // namespace
}  // namespace drama
