// SPDX-License-Identifier: Apache-2.0
// What simulated code gets when it calls the C library: strays are told, locks are waited for.
#include <gtest/gtest.h>

#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/sim/node/sim_test_world.hpp"

namespace drama {
namespace {

// Outside of a simulation all of this works; inside, each is told with the place of the call. What
// comes after a call keeps its caller on the stack.
volatile std::int64_t kept = 0;

void look_at_system_clock() {
    kept = std::chrono::system_clock::now().time_since_epoch().count();
}
void look_at_steady_clock() {
    kept = std::chrono::steady_clock::now().time_since_epoch().count();
}
void look_at_time() {
    kept = ::time(nullptr);
}
void throw_dice() {
    kept = std::rand();
}
void ask_the_kernel_for_chance() {
    int drawn = 0;
    kept = ::getrandom(&drawn, sizeof drawn, 0);
}
void ask_the_device_for_chance() {
    std::random_device device;
    kept = device();
}
void start_a_thread() {
    std::thread([] {}).join();
}
void start_a_process() {
    if (const pid_t child = ::fork(); child == 0) {
        ::_exit(0);
    } else {
        kept = ::waitpid(child, nullptr, 0);
    }
}
void sleep_a_little() {
    std::this_thread::sleep_for(std::chrono::nanoseconds(1));
    kept = 0;
}

struct stray {
    void (*call)();
    const char* name;
    const char* caller;
};

class Strays : public ::testing::TestWithParam<stray> {};

int call(void (*what)()) {
    what();
    return 1;
}

task<result<void>> calls(void (*what)(), bool on_a_thread) {
    if (on_a_thread) {
        auto done = co_await blocking(call, what);
        co_return done ? result<void>() : fail(done.error());
    }
    what();
    co_return result<void>();
}

TEST_P(Strays, AreToldWithThePlaceOfTheCall) {
    GetParam().call();  // no simulation: works
    for (const bool on_a_thread : {false, true}) {
        sim_test_world world({.seed = seed_or(1)});
        world.start("node", calls, GetParam().call, on_a_thread);
        EXPECT_FALSE(world.finish().holds());
        EXPECT_EQ(world.verdict().word, "stray");
        const std::string told = std::string("stray call of ") + GetParam().name + " in";
        EXPECT_NE(world.verdict().what.find(told), std::string::npos) << world.verdict().what;
        EXPECT_NE(world.verdict().what.find(GetParam().caller), std::string::npos)
            << world.verdict().what;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Guard, Strays,
    ::testing::Values(stray{look_at_system_clock, "clock_gettime", "look_at_system_clock"},
                      stray{look_at_steady_clock, "clock_gettime", "look_at_steady_clock"},
                      stray{look_at_time, "time", "look_at_time"},
                      stray{throw_dice, "rand", "throw_dice"},
                      stray{ask_the_kernel_for_chance, "getrandom", "ask_the_kernel_for_chance"},
                      stray{ask_the_device_for_chance, "std::random_device",
                            "ask_the_device_for_chance"},
                      stray{start_a_thread, "pthread_create", "start_a_thread"},
                      stray{start_a_process, "fork", "start_a_process"},
                      stray{sleep_a_little, "nanosleep", "sleep_a_little"}));

void block_a_little() {
    sim::block(1ms);
}

task<void> works() {
    auto slept = co_await sleep_for(1ms);
    static_cast<void>(slept);
    auto blocked = co_await blocking(call, &block_a_little);
    static_cast<void>(blocked);
}

TEST(Guard, LeavesTheRuntimeAlone) {
    sim_test_world world({.seed = seed_or(1)});
    world.start("one", works);
    world.start("two", works);
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
}

TEST(GuardDeathTest, AStrayEndsAProgramThatListensToNothing) {
    const auto run = [] {
        simulation sim(1);
        runtime rt(sim.world());
        static_cast<void>(rt.start());
        static_cast<void>(rt.try_spawn(rt.tenants().system(), calls, &throw_dice, false));
        sim.run_until_idle();
    };
    EXPECT_DEATH(run(), "stray call of rand in simulated code");
}

task<void> measures(std::chrono::nanoseconds* took, wall_instant* wall) {
    const auto began = std::chrono::steady_clock::now();
    auto slept = co_await sleep_for(3s);
    static_cast<void>(slept);
    *took = std::chrono::steady_clock::now() - began;
    *wall = std::chrono::system_clock::now();
}

TEST(Guard, ClocksMayBeAnsweredByTheWorld) {
    sim_test_setup setup;
    setup.world.answers_clocks = true;
    sim_test_world world(setup);
    std::chrono::nanoseconds took{};
    wall_instant wall;
    world.start("one", measures, &took, &wall);
    world.node("one").options().wall_offset = 1h;
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_GE(took, 3s);
    EXPECT_LT(took, 3s + 10ms);
    const duration off = wall - world.world().wall_now();
    EXPECT_GT(off, 59min);
    EXPECT_LE(off, 1h);
}

// Locks.

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

TEST(Guard, AMutexHeldAcrossAWaitIsWaitedForInVirtualTime) {
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

TEST(Guard, ConditionVariablesWakeSimulatedThreads) {
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

TEST(Guard, WhoYieldsLetsOthersRun) {
    sim_test_world world({.seed = seed_or(1)});
    std::atomic<bool> flag{false};
    world.start("node", runs, &spins, &flag);
    world.start("node", runs, &sets, &flag);
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
}

// A paused node that waits for a lock gets it when it goes on.
TEST(Guard, APausedNodeDoesNotMissALock) {
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

TEST(Guard, TimedWaitsEndInVirtualTime) {
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

TEST(Guard, MutexesTakenInTwoOrdersAreADeadlockThatIsSeen) {
    sim_test_world world({.seed = seed_or(1)});
    static std::mutex one;  // they stay locked
    static std::mutex other;
    world.start("node", takes, &one, &other);
    world.start("node", takes, &other, &one);
    world.set_longest(1min);
    EXPECT_FALSE(world.finish().holds());
    EXPECT_EQ(world.verdict().word, "deadlock");
}

}  // namespace
}  // namespace drama
