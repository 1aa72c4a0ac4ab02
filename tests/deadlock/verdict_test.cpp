// SPDX-License-Identifier: Apache-2.0
// Tasks that will never end, and what a simulated run says about them.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/mutex.hpp"
#include "drama/sync/semaphore.hpp"
#include "drama/sync/shared_mutex.hpp"

namespace drama {
namespace {

struct place {
    runtime* rt = nullptr;
    mutex left;
    mutex right;
    shared_mutex many;
    semaphore permits{2};
    channel<int> first{1};
    channel<int> second{1};
    event never_set;
    std::unique_ptr<mutex_guard> forgotten;
    unsigned line = 0;
    unsigned other_line = 0;
};

using body = task<result<void>> (*)(place*);

// Runs two tasks of two tenants until nothing moves any more.
verdict run_two(place& at, body one, body other) {
    simulation sim(7);
    runtime_options choice;
    choice.workers = 2;
    choice.log = [](const std::string&) {};
    runtime rt(sim.world(), choice);
    at.rt = &rt;
    sim.watch(rt);
    EXPECT_TRUE(rt.start());
    EXPECT_TRUE(rt.try_spawn(rt.tenants().get_or_create("acme"), one, &at));
    if (other != nullptr) {
        EXPECT_TRUE(rt.try_spawn(rt.tenants().get_or_create("beta"), other, &at));
    }
    verdict seen = sim.run_to_verdict();
    EXPECT_TRUE(rt.stop());
    return seen;
}

std::string here(unsigned line) {
    const std::string path = __FILE__;
    return path.substr(path.rfind('/') + 1) + ':' + std::to_string(line);
}

task<result<void>> left_then_right(place* at) {
    DRAMA_CO_TRY(auto first, co_await at->left.lock());
    auto slept = co_await sleep_for(1ms);
    if (!slept) {
        co_return fail(slept.error());
    }
    at->line = std::source_location::current().line() + 1;
    DRAMA_CO_TRY(auto second, co_await at->right.lock());
    co_return result<void>();
}

task<result<void>> right_then_left(place* at) {
    DRAMA_CO_TRY(auto first, co_await at->right.lock());
    auto slept = co_await sleep_for(1ms);
    if (!slept) {
        co_return fail(slept.error());
    }
    at->other_line = std::source_location::current().line() + 1;
    DRAMA_CO_TRY(auto second, co_await at->left.lock());
    co_return result<void>();
}

TEST(Verdict, NamesBothAwaitsOfACycle) {
    place at;
    const verdict seen = run_two(at, left_then_right, right_then_left);
    EXPECT_EQ(seen.kind, verdict_kind::cycle);
    ASSERT_EQ(seen.tasks.size(), 2U) << seen.text();
    EXPECT_EQ(seen.tasks[0].tenant, "acme");
    EXPECT_EQ(seen.tasks[0].waits_at, here(at.line));
    EXPECT_EQ(seen.tasks[0].holder, seen.tasks[1].number);
    EXPECT_EQ(seen.tasks[1].tenant, "beta");
    EXPECT_EQ(seen.tasks[1].waits_at, here(at.other_line));
    EXPECT_EQ(seen.tasks[1].holder, seen.tasks[0].number);
}

task<result<void>> lock_twice(place* at) {
    DRAMA_CO_TRY(auto first, co_await at->left.lock());
    DRAMA_CO_TRY(auto second, co_await at->left.lock());
    co_return result<void>();
}

TEST(Verdict, FindsATaskThatWaitsForItself) {
    place at;
    const verdict seen = run_two(at, lock_twice, nullptr);
    EXPECT_EQ(seen.kind, verdict_kind::cycle);
    EXPECT_EQ(seen.tasks.size(), 1U) << seen.text();
}

task<result<void>> read_then_write(place* at) {
    DRAMA_CO_TRY(auto reading, co_await at->many.lock_shared());
    auto slept = co_await sleep_for(1ms);
    if (!slept) {
        co_return fail(slept.error());
    }
    DRAMA_CO_TRY(auto writing, co_await at->many.lock());
    co_return result<void>();
}

TEST(Verdict, KnowsTheReadersOfASharedLock) {
    place at;
    const verdict seen = run_two(at, read_then_write, read_then_write);
    EXPECT_EQ(seen.kind, verdict_kind::cycle) << seen.text();
}

task<result<void>> two_permits_one_by_one(place* at) {
    DRAMA_CO_TRY(auto first, co_await at->permits.acquire());
    auto slept = co_await sleep_for(1ms);
    if (!slept) {
        co_return fail(slept.error());
    }
    DRAMA_CO_TRY(auto second, co_await at->permits.acquire());
    co_return result<void>();
}

TEST(Verdict, FindsAPoolWhoseHoldersWantMore) {
    place at;
    const verdict seen = run_two(at, two_permits_one_by_one, two_permits_one_by_one);
    EXPECT_EQ(seen.kind, verdict_kind::starved_pool) << seen.text();
}

task<result<void>> take_a_permit(place* at) {
    DRAMA_CO_TRY(auto taken, co_await at->permits.acquire());
    co_return result<void>();
}

task<result<void>> wait_for_a_child(scope_handle in, place* at) {
    auto child = in.spawn(take_a_permit, at);
    EXPECT_TRUE(child);
    co_return result<void>();
}

task<result<void>> hold_while_a_child_wants(place* at) {
    DRAMA_CO_TRY(auto all, co_await at->permits.acquire(2));
    co_return co_await in_scope(wait_for_a_child, at);
}

TEST(Verdict, FollowsAScopeToItsChildren) {
    place at;
    const verdict seen = run_two(at, hold_while_a_child_wants, nullptr);
    EXPECT_EQ(seen.kind, verdict_kind::starved_pool) << seen.text();
    EXPECT_EQ(seen.tasks.size(), 2U);
}

task<result<void>> wait_for_two(place* at) {
    DRAMA_CO_TRY(auto held, co_await at->left.lock());
    auto both = co_await when_all(left_then_right(at), take_a_permit(at));
    co_return both ? result<void>() : fail(both.error());
}

TEST(Verdict, FollowsAGroupToItsChildren) {
    place at;
    const verdict seen = run_two(at, wait_for_two, nullptr);
    EXPECT_EQ(seen.kind, verdict_kind::cycle) << seen.text();
    EXPECT_EQ(seen.tasks.size(), 2U);
}

task<result<void>> first_to_second(place* at) {
    for (int i = 0; i < 3; ++i) {
        auto pushed = co_await at->second.push(i);
        if (!pushed) {
            co_return fail(pushed.error());
        }
    }
    for (int i = 0; i < 3; ++i) {
        DRAMA_CO_TRY([[maybe_unused]] auto got, co_await at->first.pop());
    }
    co_return result<void>();
}

task<result<void>> second_to_first(place* at) {
    for (int i = 0; i < 3; ++i) {
        auto pushed = co_await at->first.push(i);
        if (!pushed) {
            co_return fail(pushed.error());
        }
    }
    for (int i = 0; i < 3; ++i) {
        DRAMA_CO_TRY([[maybe_unused]] auto got, co_await at->second.pop());
    }
    co_return result<void>();
}

TEST(Verdict, CallsPushesThatNobodyWillTakeOrphans) {
    place at;
    const verdict seen = run_two(at, first_to_second, second_to_first);
    EXPECT_EQ(seen.kind, verdict_kind::orphan) << seen.text();
    EXPECT_EQ(seen.tasks.size(), 2U);
}

task<result<void>> ask_twice(place* at) {
    auto asked = co_await at->first.push(0);
    if (!asked) {
        co_return fail(asked.error());
    }
    DRAMA_CO_TRY([[maybe_unused]] auto answer, co_await at->second.pop());
    DRAMA_CO_TRY([[maybe_unused]] auto another, co_await at->second.pop());
    co_return result<void>();
}

task<result<void>> answer_once(place* at) {
    DRAMA_CO_TRY([[maybe_unused]] auto question, co_await at->first.pop());
    auto answered = co_await at->second.push(0);
    if (!answered) {
        co_return fail(answered.error());
    }
    DRAMA_CO_TRY([[maybe_unused]] auto next, co_await at->first.pop());
    co_return result<void>();
}

TEST(Verdict, KnowsWhoSentItemsBefore) {
    place at;
    const verdict seen = run_two(at, ask_twice, answer_once);
    EXPECT_EQ(seen.kind, verdict_kind::cycle) << seen.text();
    EXPECT_EQ(seen.tasks.size(), 2U);
}

task<result<void>> wait_for_an_event(place* at) {
    at->line = std::source_location::current().line() + 1;
    co_return co_await at->never_set.wait();
}

TEST(Verdict, CallsALostSignalAnOrphan) {
    place at;
    const verdict seen = run_two(at, wait_for_an_event, nullptr);
    EXPECT_EQ(seen.kind, verdict_kind::orphan);
    ASSERT_EQ(seen.tasks.size(), 1U);
    EXPECT_EQ(seen.tasks[0].waits_at, here(at.line));
    EXPECT_EQ(seen.key(), "orphan " + here(at.line));
}

task<result<void>> forget_the_guard(place* at) {
    DRAMA_CO_TRY(auto held, co_await at->left.lock());
    at->forgotten = std::make_unique<mutex_guard>(std::move(held));
    co_return result<void>();
}

task<result<void>> want_it_later(place* at) {
    auto slept = co_await sleep_for(1ms);
    if (!slept) {
        co_return fail(slept.error());
    }
    DRAMA_CO_TRY(auto held, co_await at->left.lock());
    co_return result<void>();
}

TEST(Verdict, CallsAGuardOfAnEndedTaskADormantHolder) {
    place at;
    const verdict seen = run_two(at, forget_the_guard, want_it_later);
    EXPECT_EQ(seen.kind, verdict_kind::dormant_holder);
    ASSERT_EQ(seen.tasks.size(), 1U);
    EXPECT_NE(seen.tasks[0].held_by.find("which has ended"), std::string::npos) << seen.text();
}

int run_and_wait(place* at) {
    auto taken = at->rt->sync_wait(at->rt->tenants().get_or_create("acme"), take_a_permit, at);
    return taken ? 1 : 0;
}

task<result<void>> hold_and_call(place* at) {
    DRAMA_CO_TRY(auto all, co_await at->permits.acquire(2));
    DRAMA_CO_TRY(const int called, co_await blocking(run_and_wait, at));
    co_return called == 1 ? result<void>() : fail(errc::closed);
}

TEST(Verdict, FollowsABlockingCallToTheTaskThatItWaitsFor) {
    place at;
    const verdict seen = run_two(at, hold_and_call, nullptr);
    EXPECT_EQ(seen.kind, verdict_kind::starved_pool) << seen.text();
    EXPECT_EQ(seen.tasks.size(), 2U);
}

task<result<void>> lock_left(place* at) {
    DRAMA_CO_TRY(auto guard, co_await at->left.lock());
    co_return result<void>();
}

task<result<void>> left_and_then_right_and_left(place* at) {
    auto first = co_await lock_left(at);  // and gives it back
    if (!first) {
        co_return first;
    }
    co_return co_await right_then_left(at);
}

task<result<void>> left_later_then_right(place* at) {
    auto slept = co_await sleep_for(500us);
    if (!slept) {
        co_return fail(slept.error());
    }
    co_return co_await left_then_right(at);
}

TEST(Verdict, ForgetsWhoHasGivenALockBack) {
    place at;
    const verdict seen = run_two(at, left_and_then_right_and_left, left_later_then_right);
    EXPECT_EQ(seen.kind, verdict_kind::cycle);
    ASSERT_EQ(seen.tasks.size(), 2U) << seen.text();
    EXPECT_EQ(seen.tasks[0].holder, seen.tasks[1].number) << seen.text();
    EXPECT_EQ(seen.tasks[1].holder, seen.tasks[0].number) << seen.text();
}

TEST(Verdict, HasNothingToSayAboutARunThatEnds) {
    place at;
    const verdict seen = run_two(at, take_a_permit, take_a_permit);
    EXPECT_FALSE(seen) << seen.text();
}

}  // namespace
}  // namespace drama
