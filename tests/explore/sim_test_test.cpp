// SPDX-License-Identifier: Apache-2.0
// DRAMA_SIM_TEST and the search behind it: broken tests are found, named and replayed, a test that
// holds passes.
#include "drama/sim/explore/sim_test.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "drama/coro/sleep.hpp"
#include "drama/fault/fault_plan.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/mutex.hpp"

namespace drama {
namespace {

struct shared {
    mutex one;
    mutex other;
    event given;
    int value = 0;
    bool broken = false;
};

task<void> add(shared* with) {
    auto slept = co_await sleep_for(100us);
    auto guard = co_await with->one.lock();
    if (slept && guard) {
        ++with->value;
    }
}

DRAMA_SIM_TEST(SimTest, RunsManyTimesAndHolds) {
    auto& with = world.keep<shared>();
    const std::size_t tasks = world.capacity(4);
    for (std::size_t i = 0; i != tasks; ++i) {
        world.start_as("node", "tenant " + std::to_string(i), add, &with);
    }
    world.always([&] { EXPECT_GE(with.value, 0); });
    world.finally([&with, tasks] { EXPECT_EQ(with.value, static_cast<int>(tasks)); });
}

// Broken tests, searched by hand.

task<void> lock_both(shared* with, mutex* first, mutex* second) {
    auto outer = co_await first->lock();
    auto slept = co_await sleep_for(10us);
    auto inner = co_await second->lock();
    with->value += outer && slept && inner ? 1 : 0;
}

void lock_in_two_orders(sim_test_world& world) {
    auto& with = world.keep<shared>();
    world.start("node", lock_both, &with, &with.one, &with.other);
    world.start("node", lock_both, &with, &with.other, &with.one);
}

task<void> crash_now() {
    auto slept = co_await sleep_for(1us);
    if (slept) {
        std::abort();
    }
}

void forget_the_event(sim_test_world& world) {
    auto& with = world.keep<shared>();
    world.start(
        "node",
        +[](shared* in) -> task<void> {
            auto waited = co_await in->given.wait();
            EXPECT_TRUE(waited);
        },
        &with);
}

task<void> write_late(shared* with, duration after) {
    auto slept = co_await sleep_for(after);
    with->value = slept ? 1 : 0;
}

task<void> read_value(shared* with, duration after) {
    auto slept = co_await sleep_for(after);
    EXPECT_TRUE(slept);
    EXPECT_EQ(with->value, 1);
}

// Right unless the second timer overtakes the first.
void rely_on_timers(sim_test_world& world) {
    auto& with = world.keep<shared>();
    world.start_as("node", "one", write_late, &with, duration(100us));
    world.start_as("node", "two", read_value, &with, duration(130us));
}

void break_an_invariant(sim_test_world& world) {
    auto& with = world.keep<shared>();
    world.start("node", add, &with);
    world.always([&with] { return with.value == 0; });
}

void throw_up(sim_test_world&) {
    throw std::runtime_error("the body throws");
}

struct found {
    exploration seen;
    std::string printed;
};

found search(void (*body)(sim_test_world&), explore_options options = {}) {
    found out;
    options.print = [&](const std::string& line) { out.printed += line + '\n'; };
    internal::gtest_probe probe;
    out.seen = explore({"Planted", "Bug", __FILE__, __LINE__, body}, options, probe);
    return out;
}

TEST(Explorer, NamesADeadlockWithItsWaitsAndReplaysIt) {
    const found first = search(lock_in_two_orders);
    ASSERT_TRUE(first.seen.failure);
    const run_record& seen = first.seen.failure->record;
    EXPECT_EQ(seen.verdict.word, "cycle");
    ASSERT_EQ(seen.verdict.waits.size(), 2U);
    EXPECT_NE(seen.verdict.waits[0].find("awaits lock 2  "), std::string::npos)
        << seen.verdict.waits[0];
    EXPECT_NE(seen.verdict.waits[0].find("sim_test_test.cpp:"), std::string::npos)
        << seen.verdict.waits[0];
    EXPECT_EQ(first.printed.find("FAIL Planted.Bug  cycle  replay: DRAMA_SEED=v1:"), 0U);

    const auto begins = first.printed.find("v1:");
    const auto token =
        replay_token::parse(first.printed.substr(begins, first.printed.find(' ', begins) - begins));
    ASSERT_TRUE(token);
    const found again = search(lock_in_two_orders, {.replay = token});
    ASSERT_TRUE(again.seen.failure);
    EXPECT_EQ(again.seen.failure->record.hash, seen.hash);
    EXPECT_EQ(again.seen.seeds, 1U);
}

TEST(Explorer, FindsATaskThatNobodyWakes) {
    const found out = search(forget_the_event);
    ASSERT_TRUE(out.seen.failure);
    EXPECT_EQ(out.seen.failure->record.verdict.word, "orphan");
    EXPECT_EQ(out.seen.seeds, 1U) << "it stops at the first failure";
}

task<void> turn_round_and_round() {
    for (;;) {
        auto slept = co_await sleep_for(1us);
        static_cast<void>(slept);
    }
}

void go_nowhere(sim_test_world& world) {
    world.start("node", turn_round_and_round);
}

// The stop does not end it either: that must not take ten virtual minutes of turns.
TEST(Explorer, FindsATaskThatGoesNowhere) {
    const found out = search(go_nowhere, {.shrink_budget = duration::zero()});
    ASSERT_TRUE(out.seen.failure);
    EXPECT_EQ(out.seen.failure->record.verdict.word, "livelock");
    ASSERT_EQ(out.seen.failure->record.verdict.waits.size(), 1U);
}

void allow_no_wait(sim_test_world& world) {
    auto& with = world.keep<shared>();
    world.start_as("node", "one", add, &with);
    world.start_as("node", "two", add, &with);
    world.starves_nobody_for(1ns);
}

TEST(Explorer, FindsATenantThatWaitsTooLongForItsTurn) {
    const found out = search(allow_no_wait, {.shrink_budget = duration::zero()});
    ASSERT_TRUE(out.seen.failure);
    EXPECT_EQ(out.seen.failure->record.verdict.word, "starved");
}

void lose_one_of_three(sim_test_world& world) {
    auto& with = world.keep<shared>();
    for (int i = 0; i != 3; ++i) {
        world.start_as("node", "tenant " + std::to_string(i), add, &with);
    }
    world.finally([&with] { EXPECT_EQ(with.value, 4); });
}

TEST(Explorer, KeepsTheTasksThatASumIsAbout) {
    const found out = search(lose_one_of_three);
    ASSERT_TRUE(out.seen.failure);
    ASSERT_FALSE(out.seen.failure->report.shrunk.empty());
    EXPECT_NE(out.seen.failure->report.shrunk[0].find("3 -> 3 tasks"), std::string::npos)
        << out.printed;
}

TEST(BoundedSearch, CountsWhatItHasNoRoomFor) {
    bounded_search schedules(2);
    static_cast<void>(schedules.take());
    const std::vector<bounded_schedule::decision> made(bounded_search::waiting_max + 7, {2, 0});
    schedules.note(made, 1);
    EXPECT_EQ(schedules.dropped(), 7U);
}

TEST(Explorer, FindsARareOrder) {
    const found out = search(rely_on_timers, {.runs = 3'000});
    ASSERT_TRUE(out.seen.failure);
    EXPECT_EQ(out.seen.failure->record.verdict.word, "expectation");
    EXPECT_NE(out.seen.failure->record.expectations.find("sim_test_test.cpp"), std::string::npos);
    EXPECT_GT(out.seen.seeds, 1U);
}

TEST(Explorer, ChecksWhatMustAlwaysHold) {
    EXPECT_EQ(search(break_an_invariant).seen.failure->record.verdict.word, "invariant");
}

TEST(Explorer, TakesAnExceptionForAFailure) {
    const found out = search(throw_up);
    ASSERT_TRUE(out.seen.failure);
    EXPECT_EQ(out.seen.failure->record.verdict.what, "the body throws");
}

TEST(Explorer, RefusesATokenOfAnotherBuild) {
    const found out = search(throw_up, {.replay = replay_token{1, "walk", "00000000"}});
    EXPECT_EQ(out.seen.runs, 0U);
    EXPECT_NE(out.seen.refused.find("another one"), std::string::npos);
    EXPECT_FALSE(out.seen.holds());
}

void rely_on_timers_in_a_crowd(sim_test_world& world) {
    auto& noise = world.keep<shared>();
    for (int i = 0; i != 4; ++i) {
        world.start_as("node", "noise", add, &noise);
    }
    rely_on_timers(world);
}

TEST(Explorer, MakesAFailureSmaller) {
    const found out = search(rely_on_timers_in_a_crowd, {.runs = 3'000});
    ASSERT_TRUE(out.seen.failure);
    const failure_report& shown = out.seen.failure->report;
    ASSERT_FALSE(shown.shrunk.empty());
    EXPECT_NE(shown.shrunk[0].find("6 -> 1 tasks"), std::string::npos) << out.printed;
    EXPECT_NE(shown.shrunk[0].find("same verdict 5/5"), std::string::npos) << out.printed;
    EXPECT_LT(shown.schedule.size(), 20U) << out.printed;
    EXPECT_NE(shown.last_steps.find("worker"), std::string::npos) << out.printed;
}

task<void> ask_the_cache(shared* with) {
    for (int i = 0; i != 5; ++i) {
        auto slept = co_await sleep_for(10us);
        with->broken = with->broken || fault_point("cache");
        with->value += slept ? 1 : 0;
    }
}

void promise_to_survive_the_cache(sim_test_world& world) {
    auto& with = world.keep<shared>();
    world.survives({fault_kind::user});
    world.start("node", ask_the_cache, &with);
    world.finally([&with] { return !with.broken; });
}

TEST(Explorer, TakesATestAtItsWordAboutFaults) {
    const found out = search(promise_to_survive_the_cache);
    ASSERT_TRUE(out.seen.failure);
    EXPECT_EQ(out.seen.failure->report.strategy, "loop.user.1.once");
    EXPECT_EQ(out.seen.failure->report.faults.size(), 1U);
    EXPECT_EQ(out.seen.fired[static_cast<std::size_t>(fault_kind::user)], 1U);
}

void promise_to_survive_stops(sim_test_world& world) {
    auto& with = world.keep<shared>();
    world.survives_stops();
    world.start("node", ask_the_cache, &with);
    world.finally([&with] { return with.value == 5; });
}

TEST(Explorer, TakesATestAtItsWordAboutStops) {
    const found out = search(promise_to_survive_stops);
    ASSERT_TRUE(out.seen.failure);
    EXPECT_TRUE(out.seen.failure->report.strategy.starts_with("loop.stop.")) << out.printed;
}

void abort_in_a_task(sim_test_world& world) {
    world.start("node", crash_now);
}

TEST(Explorer, NamesTheRunThatEndsTheProcess) {
    EXPECT_DEATH(static_cast<void>(search(abort_in_a_task)),
                 "FAIL Planted.Bug  crash  replay: DRAMA_SEED=v1:1:walk:");
}

TEST(Explorer, StopsBeforeAStepForADebugger) {
    EXPECT_EXIT(static_cast<void>(search(
                    rely_on_timers, {.replay = replay_token{1, "walk", ""}, .stop_at_step = 5})),
                testing::KilledBySignal(SIGTRAP), "stop at step 5");
}

// A test whose run depends on something else than its seed.
void count_the_runs(sim_test_world& world) {
    static std::uint64_t runs = 0;
    world.note(++runs);
}

TEST(Explorer, NoticesRunsThatDoNotReplay) {
    const found out = search(count_the_runs, {.twice_one_in = 4});
    EXPECT_EQ(out.seen.mismatches, 1U);
    EXPECT_FALSE(out.seen.holds());
    EXPECT_NE(out.printed.find("MISMATCH Planted.Bug"), std::string::npos);
}

}  // namespace
}  // namespace drama
