// SPDX-License-Identifier: Apache-2.0
// What simulated code gets when it calls the C library where it must not: strays are told.
#include <gtest/gtest.h>

#include <spawn.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>

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
char name_of_true[] = "true";
void spawn_a_process() {
    char* words[] = {name_of_true, nullptr};
    pid_t made = 0;
    if (::posix_spawnp(&made, "true", nullptr, nullptr, words, environ) == 0) {
        kept = ::waitpid(made, nullptr, 0);
    }
}
void run_a_command() {
    kept = std::system("true");
}
void read_from_a_command() {
    kept = ::pclose(::popen("true", "r"));
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
                      stray{spawn_a_process, "posix_spawnp", "spawn_a_process"},
                      stray{run_a_command, "system", "run_a_command"},
                      stray{read_from_a_command, "popen", "read_from_a_command"},
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

}  // namespace
}  // namespace drama
