// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/core/lost_time.hpp"

#include <gtest/gtest.h>

#include "drama/runtime/world/forwarding_world.hpp"
#include "drama/runtime/world/real_world.hpp"

namespace drama::internal {
namespace {

/// A thread whose clocks are set by hand.
struct set_thread : forwarding_world {
    set_thread() : forwarding_world(real) {}
    duration thread_cpu_time() const noexcept override {
        ++looks;
        return cpu;
    }
    std::uint64_t thread_waits() const noexcept override { return waits; }

    /// A turn that takes `lasted`, in which the thread has a CPU for `burned`.
    duration turn(duration lasted, duration burned) {
        now += lasted;
        cpu += burned;
        return lost.of_turn(lasted, now, *this);
    }

    real_world real;
    lost_time lost;
    instant now = instant(1s);
    duration cpu = 5s;
    std::uint64_t waits = 7;
    mutable int looks = 0;
};

TEST(LostTime, IsWhatOthersHadOfALongTurn) {
    set_thread thread;
    EXPECT_EQ(thread.turn(300us, 100us), 0us) << "what came before is not known";
    EXPECT_EQ(thread.turn(50us, 50us), 0us);
    EXPECT_EQ(thread.turn(3ms, 10us), 2980us);
    EXPECT_EQ(thread.turn(3ms, 3ms), 0us) << "it burned all of it";
}

TEST(LostTime, LeavesEachTurnAPart) {
    set_thread thread;
    thread.turn(300us, 300us);
    EXPECT_EQ(thread.turn(1ms, 0us), 980us);
}

TEST(LostTime, IsNotLookedForInShortTurns) {
    set_thread thread;
    thread.turn(300us, 300us);
    const int before = thread.looks;
    for (int i = 0; i != 8; ++i) {
        EXPECT_EQ(thread.turn(50us, 1us), 0us);
    }
    EXPECT_EQ(thread.looks, before);
    // What was lost in those is not this turn's; and a look each half millisecond keeps it small.
    for (int i = 0; i != 8; ++i) {
        EXPECT_EQ(thread.turn(50us, 1us), 0us);
    }
    EXPECT_EQ(thread.looks, before + 1);
}

TEST(LostTime, DoesNotCountParks) {
    set_thread thread;
    thread.turn(300us, 300us);
    thread.lost.park(thread.now);
    thread.now += 10ms;
    ++thread.waits;
    thread.lost.go_on(thread.now);
    EXPECT_EQ(thread.turn(1ms, 900us), 100us);
}

TEST(LostTime, IsNoneWhereTheThreadWaitedByItself) {
    set_thread thread;
    thread.turn(300us, 300us);
    ++thread.waits;
    EXPECT_EQ(thread.turn(3ms, 10us), 0us) << "who keeps a core waiting pays for it";
    EXPECT_EQ(thread.turn(3ms, 10us), 2980us);
}

TEST(LostTime, ForgetsWhatTheThreadDidElsewhere) {
    set_thread thread;
    thread.turn(300us, 300us);
    thread.lost.forget();
    thread.now += 5ms;
    EXPECT_EQ(thread.turn(1ms, 500us), 0us);
    EXPECT_EQ(thread.turn(1ms, 500us), 500us);
}

}  // namespace
}  // namespace drama::internal
