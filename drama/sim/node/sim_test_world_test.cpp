// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/node/sim_test_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/wall_now.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"

namespace drama {
namespace {

task<void> nap(duration length, int* ended) {
    auto slept = co_await sleep_for(length);
    if (slept) {
        ++*ended;
    }
}

task<result<void>> nap_for_ever() {
    co_return co_await sleep_for(std::chrono::hours(1'000'000));
}

task<result<int>> yields_an_error() {
    auto slept = co_await sleep_for(1ms);
    static_cast<void>(slept);
    co_return fail(errc::bad_argument);
}

struct counter {
    int begun = 0;
    int after_first_step = 0;
    int destroyed = 0;
};

struct counts_its_end {
    counter* of;
    explicit counts_its_end(counter* in) noexcept : of(in) {}
    counts_its_end(const counts_its_end&) = delete;
    counts_its_end& operator=(const counts_its_end&) = delete;
    ~counts_its_end() { ++of->destroyed; }
};

task<void> steps_along(counter* seen) {
    const counts_its_end mark(seen);
    ++seen->begun;
    for (int i = 0; i < 100; ++i) {
        auto slept = co_await sleep_for(1ms);
        if (!slept) {
            co_return;
        }
        ++seen->after_first_step;
    }
}

TEST(SimTestWorld, RunsProgramsOfSeveralNodesToTheirEnd) {
    sim_test_world world({.seed = seed_or(1)});
    int ended = 0;
    world.start("a", nap, 5ms, &ended);
    world.start("b", nap, 20ms, &ended);
    world.serve("b", nap_for_ever);

    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(ended, 2);
}

TEST(SimTestWorld, TellsOfAProgramThatFails) {
    sim_test_world world({.seed = seed_or(1)});
    world.start("a", yields_an_error).must_succeed();
    EXPECT_FALSE(world.finish().holds());
    EXPECT_NE(world.verdict().what.find("a program of node 'a' failed"), std::string::npos)
        << world.verdict().what;

    sim_test_world allowed({.seed = seed_or(1)});
    allowed.start("a", yields_an_error);
    EXPECT_TRUE(allowed.finish().holds()) << allowed.verdict().what;
}

TEST(SimTestWorld, TellsOfProgramsThatNeverEnd) {
    sim_test_world world({.seed = seed_or(1)});
    world.start("a", nap_for_ever);
    world.set_longest(1s);
    EXPECT_FALSE(world.finish().holds());
    EXPECT_EQ(world.verdict().word, "late");
}

TEST(SimTestWorld, AKilledNodeRunsNothingMore) {
    sim_test_world world({.seed = seed_or(1)});
    counter seen;
    int at_kill = -1;
    world.start("a", steps_along, &seen);
    world.after(10ms, [&] {
        world.kill("a");
        at_kill = seen.after_first_step;
    });
    world.after(500ms, [&] {
        EXPECT_EQ(seen.after_first_step, at_kill);
        EXPECT_EQ(seen.destroyed, 0) << "its frames ended while it was dead";
    });

    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_GT(at_kill, 0);
    EXPECT_LT(at_kill, 20);
    EXPECT_EQ(seen.destroyed, 1) << "its frame leaks";
}

TEST(SimTestWorld, ARestartedNodeBeginsAnew) {
    sim_test_world world({.seed = seed_or(1)});
    counter seen;
    world.start("a", steps_along, &seen);
    world.after(10ms, [&] { world.restart("a"); });

    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(seen.begun, 2);
    EXPECT_GT(seen.after_first_step, 100);
    EXPECT_LT(seen.after_first_step, 120);
    EXPECT_EQ(seen.destroyed, 2);
    EXPECT_EQ(world.node("a").lives(), 2U);
}

// However the power fails, on_crash may start the node again, and it starts once.
TEST(SimTestWorld, ANodeMayBeStartedWhenItsPowerFails) {
    for (const char* const how : {"kill", "restart", "crash"}) {
        sim_test_world world({.seed = seed_or(1)});
        counter seen;
        int crashes = 0;
        world.disk("a").on_crash([&] {  // before the node is there, so that it is told first
            ++crashes;
            world.restart("a");
        });
        world.start("a", steps_along, &seen);
        world.after(10ms, [&, what = std::string(how)] {
            if (what == "kill") {
                world.kill("a");
            } else if (what == "restart") {
                world.restart("a");
            } else {
                world.disk("a").crash();
            }
        });
        EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
        EXPECT_EQ(world.node("a").lives(), 2U) << how;
        EXPECT_EQ(crashes, 1) << how;
        EXPECT_EQ(seen.begun, 2) << how;
    }
}

task<void> heeds_no_stop() {
    for (;;) {
        auto slept = co_await sleep_for(1ms);
        static_cast<void>(slept);
    }
}

TEST(SimTestWorld, TellsWhereATaskWaitsThatHeedsNoStop) {
    sim_test_world world({.seed = seed_or(1)});
    int ended = 0;
    world.start("a", nap, 5ms, &ended);
    world.serve("a", heeds_no_stop);
    EXPECT_EQ(world.finish().word, "livelock");
    ASSERT_EQ(world.verdict().waits.size(), 1U);
    EXPECT_NE(world.verdict().waits[0].find("awaits turn  sim_test_world_test.cpp:"),
              std::string::npos)
        << world.verdict().waits[0];
    EXPECT_LT(world.verdict().step, 200'000U);
}

task<void> polls(const bool* is_over) {
    while (!*is_over) {
        auto slept = co_await sleep_for(10us);
        static_cast<void>(slept);
    }
}

task<void> ends_later(duration length, bool* is_over) {
    auto slept = co_await sleep_for(length);
    static_cast<void>(slept);
    *is_over = true;
}

// It polls half a million times, and what it polls for is on its way.
TEST(SimTestWorld, WhoPollsForWhatIsDueIsInNoLivelock) {
    sim_test_world world({.seed = seed_or(1), .patience = {.steps = 5'000}});
    bool is_over = false;
    world.start("a", polls, &is_over);
    world.start("a", ends_later, 1500ms, &is_over);
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_GT(world.world().steps(), 20'000U);

    sim_test_world nobody({.seed = seed_or(1), .patience = {.steps = 5'000}});
    bool is_never_over = false;
    nobody.start("a", polls, &is_never_over);
    EXPECT_EQ(nobody.finish().word, "livelock");
}

TEST(SimTestWorld, TellsOfNodesThatAreNotThere) {
    sim_test_world world({.seed = seed_or(1)});
    world.kill("nobody");
    EXPECT_FALSE(world.finish().holds());
    EXPECT_EQ(world.verdict().what, "there is no node 'nobody'");
}

int waits_long(int* ended) {
    sim::block(1h);
    ++*ended;
    return 1;
}

task<result<void>> waits_on_a_thread(int* ended) {
    auto done = co_await blocking(waits_long, ended);
    co_return done ? result<void>() : fail(done.error());
}

TEST(SimTestWorld, AKilledNodeMayBeInTheMiddleOfABlockingCall) {
    sim_test_world world({.seed = seed_or(1)});
    int ended = 0;
    world.start("a", waits_on_a_thread, &ended);
    world.after(10ms, [&] { world.kill("a"); });
    world.finally([&] { return ended == 0; });

    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
}

TEST(SimTestWorld, APausedNodeGoesOnWhereItWas) {
    sim_test_world world({.seed = seed_or(1)});
    counter seen;
    int at_pause = 0;
    world.start("a", steps_along, &seen);
    world.after(10ms, [&] {
        world.pause("a");
        at_pause = seen.after_first_step;
    });
    world.after(5s, [&] {
        EXPECT_EQ(seen.after_first_step, at_pause);
        world.resume("a");
    });

    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(seen.after_first_step, 100);
    EXPECT_EQ(seen.begun, 1);
    EXPECT_GT(world.now().time_since_epoch(), 5s);
}

task<void> kills(sim_test_world* world, std::string whom) {
    auto slept = co_await sleep_for(3ms);
    static_cast<void>(slept);
    world->kill(whom);
}

TEST(SimTestWorld, SimulatedCodeMayKillToo) {
    sim_test_world world({.seed = seed_or(1)});
    counter seen;
    world.start("a", steps_along, &seen);
    world.start("b", kills, &world, "a");
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_LT(seen.after_first_step, 10);
    EXPECT_EQ(seen.destroyed, 1);
}

TEST(SimTestWorld, AnInvariantEndsTheRunAtOnce) {
    sim_test_world world({.seed = seed_or(1)});
    counter seen;
    world.start("a", steps_along, &seen);
    world.always([&] { return seen.after_first_step < 7; });
    EXPECT_FALSE(world.finish().holds());
    EXPECT_EQ(world.verdict().what, "what must always hold does not");
    EXPECT_EQ(seen.after_first_step, 7);
}

TEST(SimTestWorld, WhatMustHoldInTheEndIsAskedInTheEnd) {
    sim_test_world world({.seed = seed_or(1)});
    counter seen;
    world.start("a", steps_along, &seen);
    world.finally([&] { return seen.after_first_step == 100 && seen.destroyed == 1; });
    world.finally([&] { return seen.begun == 2; });
    EXPECT_FALSE(world.finish().holds());
    EXPECT_EQ(world.verdict().what, "what must hold at the end does not");
}

std::uint64_t hash_of(std::uint64_t seed, bool draws) {
    sim_test_world world({.seed = seed});
    counter seen;
    for (const char* const each : {"a", "b", "c", "d"}) {
        world.start(each, steps_along, &seen);
    }
    const duration later(1'000'000 * static_cast<std::int64_t>(seed % 50));
    world.after(later, [&] { world.restart("b"); });
    world.after(later / 2, [&] { world.pause("c"); });
    world.after(later * 2, [&] { world.resume("c"); });
    world.after(later / 3, [&] { world.kill("d"); });
    world.after(later * 3, [&] { world.end_process("a"); });
    if (draws) {
        world.random().next();
    }
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what << ' ' << replay_line(seed);
    return world.world().event_hash();
}

TEST(SimTestWorld, TheSameSeedGivesTheSameRunAndTheTestsOwnDrawsMoveNothing) {
    for (std::uint64_t seed = 1; seed < 30; ++seed) {
        const std::uint64_t once = hash_of(seed, false);
        EXPECT_EQ(once, hash_of(seed, true)) << replay_line(seed);
        EXPECT_NE(once, hash_of(seed + 100, false));
    }
}

task<void> reads_the_wall(std::vector<wall_instant>* seen) {
    for (int i = 0; i < 3; ++i) {
        seen->push_back(wall_now());
        auto slept = co_await sleep_for(1h);
        static_cast<void>(slept);
    }
}

TEST(SimTestWorld, WallClocksAreOffDriftAndAreSet) {
    sim_test_world world({.seed = seed_or(1)});
    std::vector<wall_instant> here;
    std::vector<wall_instant> there;
    world.start("here", reads_the_wall, &here);
    world.start("there", reads_the_wall, &there);
    world.node("there").options().wall_offset = -5min;
    world.node("there").options().wall_drift_ppm = 1'000;
    world.set_longest(10h);
    world.after(90min, [&] { world.node("here").step_wall_clock(-1h); });

    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    ASSERT_EQ(here.size(), 3U);
    const auto is_about = [](duration seen, duration wanted) {
        return seen - wanted < 100ms && wanted - seen < 100ms;
    };
    EXPECT_TRUE(is_about(here[1] - here[0], 1h));
    EXPECT_TRUE(is_about(here[2] - here[1], 0h)) << "it was set back by an hour";
    EXPECT_TRUE(is_about(there[0] - here[0], -5min));
    EXPECT_TRUE(is_about(there[1] - there[0], 1h + 3'600ms));
}

TEST(SimTestWorld, AFaultSetsTheWallClockOfItsNodeBack) {
    sim_test_world world({.seed = seed_or(1)});
    std::vector<wall_instant> here;
    std::vector<wall_instant> there;
    world.start("here", reads_the_wall, &here);
    world.start("there", reads_the_wall, &there);
    world.faults().add({.kind = fault_kind::wall_clock_back, .when = nth(2), .node = "there"});
    world.set_longest(10h);

    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    ASSERT_EQ(there.size(), 3U);
    EXPECT_LT(there[1] - there[0], 1min) << "an hour passed, and it was set back by one";
    EXPECT_GE(there[2] - there[1], 1h);
    EXPECT_GE(here[1] - here[0], 1h);
}

TEST(SimTestWorld, WallClocksAreSkewedBySeed) {
    sim_test_world world({.seed = seed_or(3), .wall_skew_max = 1h});
    const duration first = world.node("a").options().wall_offset;
    const duration second = world.node("b").options().wall_offset;
    EXPECT_NE(first, second);
    EXPECT_LE(first, 1h);
    EXPECT_GE(first, -1h);
}

int burn(duration cost) {
    sim::spend(cost);
    return 1;
}

task<void> computes(std::vector<duration>* took, sim_test_world* world, duration cost) {
    const instant began = world->now();
    auto done = co_await compute(burn, cost);
    EXPECT_TRUE(done);
    took->push_back(world->now() - began);
}

TEST(SimTestWorld, ANodeMayBeSlowAndItsFunctionsCostWhatTheLawSays) {
    sim_test_world world({.seed = seed_or(1)});
    std::vector<duration> took(0);
    std::vector<duration> plain;
    world.start("slow", computes, &took, &world, 10ms);
    world.node("slow").options().compute.cost_percent = 300;
    world.start("plain", computes, &plain, &world, 10ms);
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    ASSERT_EQ(took.size(), 1U);
    EXPECT_GT(took[0], 30ms);
    EXPECT_LT(took[0], 32ms);
    EXPECT_GE(plain[0], 10ms);
    EXPECT_LT(plain[0], 11ms);
}

task<void> asks_for_threads(int* refused) {
    auto done = co_await blocking(burn, 1ms);
    if (!done && done.error() == errc::thread_unavailable) {
        ++*refused;
    }
}

TEST(SimTestWorld, ANodeHasFewThreads) {
    sim_test_world world({.seed = seed_or(1)});
    int refused = 0;
    world.start("a", asks_for_threads, &refused);
    sim_node_options& options = world.node("a").options();
    options.runtime.workers = 1;
    options.runtime.hand_over = false;
    options.threads_max = 2;  // the watchdog and a worker
    EXPECT_TRUE(world.finish().holds()) << world.verdict().what;
    EXPECT_EQ(refused, 1);
}

TEST(SimTestWorld, ANodeHasSoManyLivesAsItsOptionsSay) {
    sim_test_world world({.seed = seed_or(1)});
    world.node("a").options().lives_max = 3;
    world.serve("a", nap_for_ever);
    world.restart("a");
    world.restart("a");
    EXPECT_EQ(world.node("a").lives(), 3U);
    EXPECT_TRUE(world.verdict().holds()) << world.verdict().what;
    world.survives({fault_kind::thread_unavailable});  // which excuses other starts that fail
    world.restart("a");

    EXPECT_EQ(world.node("a").lives(), 3U);
    EXPECT_FALSE(world.finish().holds());
    EXPECT_EQ(world.verdict().what, "node 'a' was started 3 times, which is its lives_max");
}

// Nobody else gets anywhere, and nothing takes time.
class only_the_first final : public random_walk {
  public:
    only_the_first() noexcept : random_walk(1) {}
    std::size_t choose(std::span<internal::sim_thread* const> ready) noexcept override {
        const auto first = std::ranges::min_element(ready, {}, &internal::sim_thread::id);
        return static_cast<std::size_t>(first - ready.begin());
    }
    std::int64_t delay_ns(schedule_delay, const internal::sim_thread&,
                          const duration_range&) noexcept override {
        return 0;
    }
};

class spinner final : public thread_body {
  public:
    spinner(world& in, int steps, bool* is_over)
        : spot_(in.make_parker()), left_(steps), is_over_(is_over) {}
    instant step() noexcept override {
        *is_over_ = *is_over_ || --left_ == 0;
        return long_ago;
    }
    parker& parked_on() noexcept override { return *spot_; }
    void enter_thread() noexcept override {}
    void leave_thread() noexcept override {}
    bool is_finished() const noexcept override { return *is_over_; }

  private:
    std::unique_ptr<parker> spot_;
    int left_;
    bool* is_over_;
};

// A thousand steps of the second need a million of the first, and the watch has patience for less.
TEST(SimTestWorld, AnUnfairScheduleIsNoLivelock) {
    only_the_first unfair;
    sim_test_setup setup;
    setup.world.strategy = &unfair;
    sim_test_world world(setup);
    bool is_over = false;
    spinner spins(world.world(), 1 << 30, &is_over);
    spinner waits(world.world(), 1'000, &is_over);
    const auto one = world.world().start_thread(thread_role::worker, spins);
    const auto other = world.world().start_thread(thread_role::worker, waits);
    world.run_for(1s);
    EXPECT_TRUE(is_over);
    EXPECT_TRUE(world.verdict().holds()) << world.verdict().what;
}

}  // namespace
}  // namespace drama
