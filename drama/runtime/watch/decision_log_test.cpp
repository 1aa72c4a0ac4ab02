// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/watch/decision_log.hpp"

#include <gtest/gtest.h>

#include <string>

#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama {
namespace {

TEST(DecisionLog, NotesNothingUntilSomebodyAsksAndForgetsAfterTenSeconds) {
    const tenant_record one(1, "one", 1);
    decision_log log;
    EXPECT_FALSE(log.is_on());

    EXPECT_TRUE(log.watch(one, instant(1s)).empty());
    EXPECT_TRUE(log.is_on());
    log.note(one, {.at = instant(2s), .value = 7});
    const auto seen = log.watch(one, instant(5s));
    log.forget_idle(instant(15s) - 1ns);
    EXPECT_EQ(log.watched(), 1U);
    log.forget_idle(instant(15s));

    ASSERT_EQ(seen.size(), 1U);
    EXPECT_EQ(seen[0].value, 7);
    EXPECT_EQ(log.watched(), 0U);
    EXPECT_FALSE(log.is_on());
    EXPECT_TRUE(log.watch(one, instant(16s)).empty()) << "it begins anew";
}

TEST(DecisionLog, TheFirstDecisionAfterTheTenSecondsEndsTheCost) {
    const tenant_record one(1, "one", 1);
    decision_log log;
    log.watch(one, instant(1s));

    log.note(one, {.at = instant(11s)});

    EXPECT_FALSE(log.is_on());
}

TEST(DecisionLog, KeepsTheLast64) {
    const tenant_record one(1, "one", 1);
    decision_log log;
    log.watch(one, instant(1s));
    for (int i = 0; i != 100; ++i) {
        log.note(one, {.at = instant(1s), .kind = decision_kind::stolen, .value = i});
    }

    const auto seen = log.watch(one, instant(1s));

    ASSERT_EQ(seen.size(), decision_log::length);
    EXPECT_EQ(seen.front().value, 99) << "the latest first";
    EXPECT_EQ(seen.back().value, 36);
}

TEST(DecisionLog, TellsThemInTheOrderOfTheirTimes) {
    const tenant_record one(1, "one", 1);
    decision_log log;
    log.watch(one, instant(1s));
    for (const int at : {3, 5, 4}) {
        log.note(one, {.at = instant(std::chrono::seconds(at)), .value = at});
    }

    const auto seen = log.watch(one, instant(6s));

    ASSERT_EQ(seen.size(), 3U);
    EXPECT_EQ(seen[0].value, 5);
    EXPECT_EQ(seen[1].value, 4);
}

TEST(DecisionLog, NotesOnlyWhoIsAskedAbout) {
    const tenant_record one(1, "one", 1);
    const tenant_record other(2, "other", 1);
    decision_log log;
    log.watch(one, instant(1s));

    log.note(other, {.at = instant(1s)});

    EXPECT_TRUE(log.is_on());
    EXPECT_TRUE(log.watch(other, instant(1s)).empty());
}

TEST(DecisionLog, TellsWhatHeldATenantSinceTheLastDecisionAndForWhom) {
    tenant_record one(1, "one", 1);
    const tenant_record other(2, "other", 1);
    hold_account& holds = one.blocking_lanes().holds();
    holds.add(hold_cause::kept_thread, 1s, 1);
    decision_log log;
    log.watch(one, instant(1s));
    holds.add(hold_cause::kept_thread, 3ms, 1);
    holds.credit(other.share(), 2ms);

    log.note(one, {.at = instant(2s), .queue = queue_id::blocking});
    log.note(one, {.at = instant(3s), .queue = queue_id::blocking});

    const auto seen = log.watch(one, instant(3s));
    ASSERT_EQ(seen.size(), 3U) << "picked, picked, held";
    EXPECT_EQ(seen[1].kind, decision_kind::picked);
    EXPECT_EQ(seen[2].kind, decision_kind::held);
    EXPECT_STREQ(seen[2].reason, "kept_thread");
    EXPECT_EQ(seen[2].lasted, 3ms) << "what was before the first look does not count";
    EXPECT_EQ(seen[2].other, &other.share());
}

TEST(DecisionLog, WhoWasAskedAboutLongestAgoMakesRoom) {
    decision_log log;
    std::vector<std::unique_ptr<tenant_record>> all;
    for (std::size_t i = 0; i <= decision_log::tenants_max; ++i) {
        all.push_back(std::make_unique<tenant_record>(i, "t", 1));
        log.watch(*all.back(), instant(1s) + duration(i));
        log.note(*all.back(), {.at = instant(1s)});
    }

    EXPECT_EQ(log.watched(), decision_log::tenants_max);
    EXPECT_EQ(log.watch(*all[1], instant(2s)).size(), 1U);
    EXPECT_TRUE(log.watch(*all[0], instant(2s)).empty());
}

task<void> give_way() {
    auto yielded = co_await yield_now();
    EXPECT_TRUE(yielded);
    auto called = co_await blocking([] {});
    EXPECT_TRUE(called);
}

TEST(DecisionLog, ARuntimeNotesPicksOfEachQueueAndRefusals) {
    runtime_options options;
    options.workers = 1;
    options.log = [](const std::string&) {};
    runtime rt(options);
    ASSERT_TRUE(rt.start());
    const tenant gold = rt.tenants().get_or_create("gold");
    ASSERT_TRUE(rt.sync_wait(gold, give_way));
    EXPECT_TRUE(rt.decisions_of(gold).empty()) << "nobody had asked";

    ASSERT_TRUE(rt.sync_wait(gold, give_way));
    gold.set({.limit = {.tasks = 0}});
    EXPECT_FALSE(rt.try_spawn(gold, give_way));

    const auto count = [made = rt.decisions_of(gold)](decision_kind kind, queue_id queue) {
        return std::ranges::count_if(
            made, [&](const decision& each) { return each.kind == kind && each.queue == queue; });
    };
    EXPECT_GE(count(decision_kind::picked, queue_id::async), 1);
    EXPECT_EQ(count(decision_kind::picked, queue_id::blocking), 1);
    EXPECT_EQ(count(decision_kind::gate_refused, queue_id::async), 1);
    EXPECT_STREQ(rt.decisions_of(gold).front().reason, "tenant_tasks_max");
    EXPECT_EQ(rt.decisions_of(gold).front().bound, 0);
    EXPECT_TRUE(rt.stop());
}

}  // namespace
}  // namespace drama
