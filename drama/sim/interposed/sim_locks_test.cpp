// SPDX-License-Identifier: Apache-2.0
// Locks, conditions and futexes of the C library in simulated code, and what a test's own code does
// to them between two steps.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <latch>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <thread>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/sim/node/sim_test_world.hpp"

namespace drama {
namespace {

struct shared_counter {
    std::mutex lock;
    std::shared_mutex shared_lock;
    std::condition_variable changed;
    int value = 0;
    int lost = 0;
};

int add_slowly(shared_counter* to) {
    const std::lock_guard guard(to->lock);
    const int before = to->value;
    sim::block(1ms);
    to->value = before + 1;
    return 1;
}

int add_slowly_shared(shared_counter* to) {
    {
        const std::shared_lock reading(to->shared_lock);
        sim::block(100us);
    }
    const std::unique_lock guard(to->shared_lock);
    const int before = to->value;
    sim::block(1ms);
    to->value = before + 1;
    return 1;
}

task<result<void>> adds(int (*how)(shared_counter*), shared_counter* to) {
    auto done = co_await blocking(how, to);
    co_return done ? result<void>() : fail(done.error());
}

TEST(SimLocks, AMutexHeldAcrossAWaitIsWaitedForInVirtualTime) {
    for (const auto how : {&add_slowly, &add_slowly_shared}) {
        for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + 20; ++seed) {
            sim_test_world world({.seed = seed});
            shared_counter counter;
            for (int i = 0; i < 5; ++i) {
                world.start("node", adds, how, &counter);
            }
            EXPECT_TRUE(world.finish().holds()) << world.verdict().what << ' ' << replay_line(seed);
            EXPECT_EQ(counter.value, 5) << replay_line(seed);
            EXPECT_GE(world.now().time_since_epoch(), 5ms);
        }
    }
}

int produce(shared_counter* to) {
    for (int i = 0; i < 10; ++i) {
        sim::block(1ms);
        const std::lock_guard guard(to->lock);
        ++to->value;
        to->changed.notify_one();
    }
    return 1;
}

int consume(shared_counter* from) {
    for (int i = 0; i < 5; ++i) {
        std::unique_lock guard(from->lock);
        from->changed.wait(guard, [&] { return from->value > 0; });
        --from->value;
    }
    return 1;
}

TEST(SimLocks, ConditionVariablesWakeSimulatedThreads) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + 20; ++seed) {
        sim_test_world world({.seed = seed});
        shared_counter counter;
        world.start("node", adds, &consume, &counter);
        world.start("node", adds, &produce, &counter);
        world.start("node", adds, &consume, &counter);
        EXPECT_TRUE(world.finish().holds()) << world.verdict().what << ' ' << replay_line(seed);
        EXPECT_EQ(counter.value, 0) << replay_line(seed);
    }
}

int sets(std::atomic<bool>* flag) {
    sim::block(1ms);
    flag->store(true);
    return 1;
}

int spins(std::atomic<bool>* flag) {
    while (!flag->load()) {
        std::this_thread::yield();
    }
    return 1;
}

task<result<void>> runs(int (*how)(std::atomic<bool>*), std::atomic<bool>* flag) {
    auto done = co_await blocking(how, flag);
    co_return done ? result<void>() : fail(done.error());
}

TEST(SimLocks, WhoYieldsLetsOthersRun) {
    sim_test_world world({.seed = seed_or(1)});
    std::atomic<bool> flag{false};
    world.start("node", runs, &spins, &flag);
    world.start("node", runs, &sets, &flag);
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
}

// A paused node that waits for a lock gets it when it goes on.
TEST(SimLocks, APausedNodeDoesNotMissALock) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + 20; ++seed) {
        sim_test_world world({.seed = seed});
        shared_counter counter;
        for (int i = 0; i < 5; ++i) {
            world.start("node", adds, &add_slowly, &counter);
            world.start("other", adds, &add_slowly, &counter);
        }
        world.after(duration(world.random().below(9'000'000)), [&] { world.pause("node"); });
        world.after(50ms, [&] { world.resume("node"); });
        EXPECT_TRUE(world.finish().holds()) << world.verdict().what << ' ' << replay_line(seed);
        EXPECT_EQ(counter.value, 10) << replay_line(seed);
    }
}

int waits_in_vain(shared_counter* on) {
    std::unique_lock guard(on->lock);
    on->lost += on->changed.wait_for(guard, 2s) == std::cv_status::timeout ? 1 : 0;
    return 1;
}

TEST(SimLocks, TimedWaitsEndInVirtualTime) {
    sim_test_setup setup;
    setup.world.answers_clocks = true;
    sim_test_world world(setup);
    shared_counter counter;
    world.start("node", adds, &waits_in_vain, &counter);
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(counter.lost, 1);
    EXPECT_GE(world.now().time_since_epoch(), 2s);
    EXPECT_LT(world.now().time_since_epoch(), 3s);
}

int takes_both(std::mutex* first, std::mutex* second) {
    const std::lock_guard one(*first);
    sim::block(1ms);
    const std::lock_guard other(*second);
    return 1;
}

task<result<void>> takes(std::mutex* first, std::mutex* second) {
    auto done = co_await blocking(takes_both, first, second);
    co_return done ? result<void>() : fail(done.error());
}

TEST(SimLocks, MutexesTakenInTwoOrdersAreADeadlockThatIsSeen) {
    sim_test_world world({.seed = seed_or(1)});
    static std::mutex one;  // they stay locked
    static std::mutex other;
    world.start("node", takes, &one, &other);
    world.start("node", takes, &other, &one);
    world.set_longest(1min);
    EXPECT_FALSE(world.finish().holds());
    EXPECT_EQ(world.verdict().word, "deadlock");
}

// The wake of one is not lost with a node that cannot go on.

int waits_for_one(shared_counter* on, duration first) {
    sim::block(first);
    std::unique_lock guard(on->lock);
    on->changed.wait(guard, [&] { return on->value > 0; });
    --on->value;
    return 1;
}

task<result<void>> waits(shared_counter* on, duration first) {
    auto done = co_await blocking(waits_for_one, on, first);
    co_return done ? result<void>() : fail(done.error());
}

// "first" is the first in line, is woken alone, and is stopped before it goes on.
void wake_one_of_two(sim_test_world& world, shared_counter& counter,
                     void (*stop)(sim_test_world&)) {
    world.start("first", waits, &counter, 1ms);
    sim_program& second = world.start("second", waits, &counter, 2ms);
    world.after(10ms, [&world, &counter, stop] {
        counter.value = 1;
        counter.changed.notify_one();
        stop(world);
    });
    world.after(20ms, [&second, &counter] {
        EXPECT_TRUE(second.has_ended()) << "the wake is lost";
        counter.value = 1;
    });
    world.after(30ms, [&world] { world.restart("first"); });
}

TEST(SimLocks, AWakeOfOneIsPassedOnByAPausedNode) {
    sim_test_world world({.seed = seed_or(1)});
    shared_counter counter;
    wake_one_of_two(world, counter, [](sim_test_world& in) { in.pause("first"); });
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
}

TEST(SimLocks, AWakeOfOneIsPassedOnByAKilledNode) {
    sim_test_world world({.seed = seed_or(1)});
    shared_counter counter;
    wake_one_of_two(world, counter, [](sim_test_world& in) { in.kill("first"); });
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
}

TEST(SimLocks, AWakeThatFindsAllPausedIsPassedOnWhenOneDies) {
    sim_test_world world({.seed = seed_or(1)});
    shared_counter counter;
    wake_one_of_two(world, counter, [](sim_test_world& in) {
        in.pause("first");
        in.pause("second");
        in.kill("first");
        in.resume("second");
    });
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
}

// The test's own code, between two steps.

TEST(SimLocks, ACallbackOfTheTestWakesSimulatedCode) {
    for (const bool wakes_all : {false, true}) {
        sim_test_world world({.seed = seed_or(1)});
        shared_counter counter;
        world.start("node", waits, &counter, 1ms);
        world.after(10ms, [&] {
            const std::lock_guard guard(counter.lock);
            counter.value = 1;
            wakes_all ? counter.changed.notify_all() : counter.changed.notify_one();
        });
        EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
        EXPECT_EQ(counter.value, 0);
    }
}

TEST(SimLocks, ACallbackOfTheTestGetsALockThatSimulatedCodeHolds) {
    sim_test_world world({.seed = seed_or(1)});
    shared_counter counter;
    world.start("node", adds, &add_slowly, &counter);
    int seen = -1;
    duration waited{};
    const instant began = world.now();
    world.after(500us, [&] {
        const std::lock_guard guard(counter.lock);
        seen = counter.value;
        waited = world.now() - began;
    });
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(seen, 1);
    EXPECT_GE(waited, 1ms);
}

TEST(SimLocksDeathTest, ACheckThatNeedsAHeldLockIsTold) {
    const auto run = [] {
        sim_test_world world({.seed = 1});
        shared_counter counter;
        world.start("node", adds, &add_slowly, &counter);
        world.always([&] {
            const std::lock_guard guard(counter.lock);
            return true;
        });
        world.finish();
    };
    EXPECT_DEATH(run(), "a check of a simulated run waits for a lock that simulated code holds");
}

int holds_for_ever(std::mutex* lock) {
    const std::lock_guard guard(*lock);
    sim::block(1h);
    return 1;
}

task<result<void>> holds(std::mutex* lock) {
    auto done = co_await blocking(holds_for_ever, lock);
    co_return done ? result<void>() : fail(done.error());
}

TEST(SimLocksDeathTest, ACallbackThatNeverGetsItsLockIsTold) {
    const auto run = [] {
        sim_test_world world({.seed = 1});
        std::mutex lock;
        world.start("node", holds, &lock);
        world.after(1ms, [&] { const std::lock_guard guard(lock); });
        world.finish();
    };
    EXPECT_DEATH(run(), "a test waits for a lock that simulated code holds and does not give back");
}

// Futexes.

struct gates {
    std::atomic<int> word{0};
    std::latch all{3};
    std::counting_semaphore<8> permits{0};
    int passed = 0;
};

int passes(gates* in) {
    in->word.wait(0);
    in->all.arrive_and_wait();
    in->permits.acquire();
    return ++in->passed;
}

int opens(gates* in) {
    sim::block(1ms);
    in->word.store(1);
    in->word.notify_all();
    sim::block(1ms);
    in->all.arrive_and_wait();
    sim::block(1ms);
    in->permits.release();
    sim::block(1ms);
    in->permits.release();
    return 1;
}

task<result<void>> goes(int (*how)(gates*), gates* in) {
    auto done = co_await blocking(how, in);
    co_return done ? result<void>() : fail(done.error());
}

TEST(SimFutexes, AreWaitedForInVirtualTime) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + 20; ++seed) {
        sim_test_world world({.seed = seed});
        gates in;
        world.start("node", goes, &passes, &in);
        world.start("node", goes, &passes, &in);
        world.start("node", goes, &opens, &in);
        EXPECT_TRUE(world.finish().holds()) << world.verdict().what << ' ' << replay_line(seed);
        EXPECT_EQ(in.passed, 2) << replay_line(seed);
        EXPECT_GE(world.now().time_since_epoch(), 4ms);
    }
}

TEST(SimFutexes, ACallbackOfTheTestWakesWhoWaits) {
    sim_test_world world({.seed = seed_or(1)});
    gates in;
    world.start(
        "node", goes,
        +[](gates* at) {
            at->word.wait(0);
            return ++at->passed;
        },
        &in);
    world.after(5ms, [&] {
        in.word.store(1);
        in.word.notify_one();
    });
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(in.passed, 1);
}

int acquires_in_vain(gates* in) {
    in->passed += in->permits.try_acquire_for(2s) ? 1 : 0;
    return 1;
}

TEST(SimFutexes, TimedWaitsEndInVirtualTime) {
    sim_test_setup setup;
    setup.world.answers_clocks = true;
    sim_test_world world(setup);
    gates in;
    world.start("node", goes, &acquires_in_vain, &in);
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(in.passed, 0);
    EXPECT_GE(world.now().time_since_epoch(), 2s);
    EXPECT_LT(world.now().time_since_epoch(), 3s);
}

}  // namespace
}  // namespace drama
