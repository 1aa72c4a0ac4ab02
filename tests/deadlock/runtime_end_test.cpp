// SPDX-License-Identifier: Apache-2.0
// D11, D14: runtimes that are ended by their own threads, and threads that cannot be had.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/carrier_threads.hpp"
#include "drama/sim/simulation.hpp"
#include "tests/deadlock/seeds.hpp"
#include "tests/deadlock/watched_world.hpp"

namespace drama::deadlock {
namespace {

constexpr int looks_most = 20'000;

runtime_options quiet(std::size_t workers, const char* io = "auto") {
    runtime_options made;
    made.workers = workers;
    made.io = io;
    made.log = [](const std::string&) {};
    return made;
}

template <class Done>
bool wait_until(Done done) {
    for (int looks = 0; !done() && looks < looks_most; ++looks) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return done();
}

// D11. The last reference to a runtime is dropped by one of its tasks.

struct owned {
    std::shared_ptr<runtime> rt;
    std::atomic<bool> others_ended{false};
    std::atomic<bool> is_over{false};
    std::atomic<int> stop_error{0};
};

task<void> sleep_until_stopped(std::shared_ptr<owned> in) {
    auto slept = co_await sleep_for(1h);
    static_cast<void>(slept);
    in->others_ended = true;
}

task<void> drop_the_last_reference(std::shared_ptr<owned> in) {
    co_await yield_now();
    std::shared_ptr<runtime> last = std::move(in->rt);
    last.reset();
    in->is_over = true;
}

task<void> stop_from_inside(std::shared_ptr<owned> in) {
    co_await yield_now();
    const auto stopped = in->rt->stop();
    in->stop_error = stopped ? 0 : stopped.error().value();
    in->is_over = true;
}

int drop_in_a_call(owned* in) {
    std::shared_ptr<runtime> last = std::move(in->rt);
    last.reset();
    in->is_over = true;
    return 1;
}

task<void> drop_while_it_calls(std::shared_ptr<owned> in) {
    auto called = co_await blocking(drop_in_a_call, in.get());
    static_cast<void>(called);
}

using ender = task<void> (*)(std::shared_ptr<owned>);

void spawn_and_let_go(const std::shared_ptr<owned>& state, ender by) {
    runtime& rt = *state->rt;
    ASSERT_TRUE(rt.start());
    ASSERT_TRUE(rt.try_spawn(rt.tenants().get_or_create("sleeper"), sleep_until_stopped, state));
    ASSERT_TRUE(rt.try_spawn(rt.tenants().get_or_create("ender"), by, state));
}

// Its threads and descriptors are kept: so it happens in a process of its own.
int drop_everywhere() {
    for (const ender by : {drop_the_last_reference, drop_while_it_calls}) {
        for (const char* const backend : backends) {
            for (const std::size_t size : sizes) {
                auto state = std::make_shared<owned>();
                state->rt = std::make_shared<runtime>(quiet(size, backend));
                spawn_and_let_go(state, by);
                if (!wait_until([&] { return state->is_over && state->others_ended; })) {
                    return 1;
                }
            }
        }
    }
    return 0;
}

TEST(RuntimeEndDeathTest, ByTheLastReferenceInATaskOfItsOwn) {
    EXPECT_EXIT(std::_Exit(drop_everywhere()), testing::ExitedWithCode(0), "");
}

void end_in_a_simulation(ender by, std::size_t size, std::uint64_t seed,
                         carrier_threads& carriers) {
    auto state = std::make_shared<owned>();
    sim_options options;
    options.carriers = &carriers;
    simulation sim(seed, options);
    state->rt = std::make_shared<runtime>(sim.world(), quiet(size));
    spawn_and_let_go(state, by);
    sim.run_for(1s);
    ASSERT_TRUE(state->is_over) << sim.replay() << ' ' << size;
    if (by == stop_from_inside) {
        ASSERT_EQ(state->stop_error, static_cast<int>(errc::would_deadlock)) << sim.replay();
        ASSERT_TRUE(state->rt->stop()) << sim.replay();
    }
    ASSERT_TRUE(state->others_ended) << sim.replay() << ' ' << size;
}

class SimulatedEnd : public testing::TestWithParam<std::size_t> {};

TEST_P(SimulatedEnd, ByOneOfItsOwnTasks) {
    carrier_threads carriers;
    for (const ender by : {drop_the_last_reference, drop_while_it_calls, stop_from_inside}) {
        for (std::uint64_t seed = 1; seed <= seeds_wanted(20) && !HasFatalFailure(); ++seed) {
            end_in_a_simulation(by, GetParam(), seed, carriers);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(D11, SimulatedEnd, testing::ValuesIn(sizes));

TEST(RuntimeEnd, ByStopInATaskOfItsOwnIsAnError) {
    for (const char* const backend : backends) {
        for (const std::size_t size : sizes) {
            auto state = std::make_shared<owned>();
            state->rt = std::make_shared<runtime>(quiet(size, backend));
            spawn_and_let_go(state, stop_from_inside);
            ASSERT_TRUE(wait_until([&] { return state->is_over.load(); })) << backend;
            EXPECT_EQ(state->stop_error, static_cast<int>(errc::would_deadlock));
            EXPECT_TRUE(state->rt->stop());
            EXPECT_TRUE(state->others_ended);
        }
    }
}

// D14. The k-th thread and all later ones cannot be had, for every k.

constexpr std::size_t calls_wanted = 4;
constexpr std::size_t threads_most = 12;

struct called {
    std::atomic<std::size_t> returned{0};
    std::atomic<std::size_t> refused{0};
};

int call_once() {
    sim::block(100us);
    return 1;
}

task<void> call_and_count(called* in) {
    auto got = co_await blocking(call_once);
    if (got) {
        ++in->returned;
    } else if (got.error() == errc::thread_unavailable) {
        ++in->refused;
    }
}

// Calls until `enough`; every one must return or be refused.
void spawn_calls(runtime& rt, called& in) {
    for (std::size_t i = 0; i < calls_wanted; ++i) {
        EXPECT_TRUE(rt.try_spawn(rt.tenants().get_or_create("caller"), call_and_count, &in));
    }
}

// True if every call was refused.
bool call_with_few_threads(std::size_t size, std::size_t most, std::uint64_t seed,
                           carrier_threads& carriers) {
    sim_options options;
    options.carriers = &carriers;
    options.threads_max = most;
    simulation sim(seed, options);
    called in;
    runtime rt(sim.world(), quiet(size));
    sim.watch(rt);
    if (const auto started = rt.start(); !started) {
        EXPECT_EQ(started.error(), errc::thread_unavailable);
        return false;
    }
    spawn_calls(rt, in);
    const verdict seen = sim.run_to_verdict(1min);
    EXPECT_FALSE(seen) << seen.text() << most << ' ' << sim.replay();
    EXPECT_EQ(in.returned + in.refused, calls_wanted) << most << ' ' << sim.replay();
    EXPECT_TRUE(rt.stop()) << most << ' ' << sim.replay();
    return in.refused == calls_wanted;
}

class SimulatedThreads : public testing::TestWithParam<std::size_t> {};

TEST_P(SimulatedThreads, AreRefusedToWhoeverNeedsThem) {
    carrier_threads carriers;
    std::size_t refused_runs = 0;
    const std::uint64_t ways = threads_most + 1;
    for (std::uint64_t seed = 1; seed <= seeds_wanted(5 * ways) && !HasFailure(); ++seed) {
        const bool none = call_with_few_threads(GetParam(), seed % ways, seed, carriers);
        refused_runs += none ? 1 : 0;
    }
    EXPECT_GT(refused_runs, 0U);
}

INSTANTIATE_TEST_SUITE_P(D14, SimulatedThreads, testing::ValuesIn(sizes));

TEST(ThreadsThatCannotBeHad, AreToldOnTheMachineToo) {
    for (const char* const backend : backends) {
        for (const std::size_t size : sizes) {
            for (std::size_t most = 0; most <= threads_most; ++most) {
                watched_world machine;
                machine.fail_threads_after(most);
                called in;
                runtime rt(machine, quiet(size, backend));
                if (!rt.start()) {
                    continue;
                }
                spawn_calls(rt, in);
                EXPECT_TRUE(wait_until([&] { return rt.stats().tasks_alive == 0; }))
                    << backend << ' ' << most;
                EXPECT_EQ(in.returned + in.refused, calls_wanted) << backend << ' ' << most;
                EXPECT_TRUE(rt.stop());
            }
        }
    }
}

}  // namespace
}  // namespace drama::deadlock
