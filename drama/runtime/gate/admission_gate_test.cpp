// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/gate/admission_gate.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/runtime/spawn.hpp"

namespace drama {
namespace {

runtime_options quiet(std::size_t workers = 1) {
    runtime_options options;
    options.workers = workers;
    options.log = [](const std::string&) {};
    return options;
}

tenant with_limits(runtime& rt, const char* name, tenant_limits limits) {
    const tenant made = rt.tenants().get_or_create(name);
    made.set({.limit = limits});
    return made;
}

task<int> answer() {
    co_return 42;
}

task<void> hold() {
    auto slept = co_await sleep_for(1h);
    static_cast<void>(slept);
}

// With one worker the task that was asked to stop ends only after its spawner has suspended.
task<result<int>> spawn_behind_a_task(tenant gold) {
    auto held = this_runtime().try_spawn(gold, hold);
    if (!held) {
        co_return fail(held.error());
    }
    auto refused = this_runtime().try_spawn(gold, answer);
    if (refused || refused.error().reason != refusal_reason::tenant_tasks_max ||
        refused.error().tenant != gold.id() || refused.error().retry_after <= duration::zero()) {
        co_return -1;
    }
    held->request_stop();
    auto admitted = co_await spawn(gold, answer);
    if (!admitted) {
        co_return fail(admitted.error());
    }
    auto value = co_await admitted->join();
    co_return value;
}

TEST(AdmissionGate, SpawnWaitsUntilATaskOfTheTenantEnds) {
    runtime rt(quiet());
    const tenant gold = with_limits(rt, "gold", {.tasks = 1});

    const auto value = rt.run(spawn_behind_a_task(gold));

    ASSERT_TRUE(value) << value.error().message();
    EXPECT_EQ(*value, 42);
    EXPECT_EQ(gold.record().tasks(), 0);
    EXPECT_EQ(gold.usage().refused.read(), 1U);
    EXPECT_GT(gold.usage().gate_ns.read(), 0U);
    EXPECT_EQ(gold.usage().gate_item_ns.read(), gold.usage().gate_ns.read()) << "one waited";
    EXPECT_EQ(gold.record().throttled_ns(), gold.usage().gate_ns.read());
}

task<int> answer_later() {
    auto slept = co_await sleep_for(1us);
    co_return slept ? 42 : 0;
}

// The child ends in a later turn than it began in, and its parent goes on in that turn and waits
// for a permit. The gate hears of the end as the turn ends: what it admits then needs a new turn.
task<result<int>> be_admitted_behind_own_child(tenant gold) {
    int waits = 0;
    for (int round = 0; round < 100; ++round) {
        auto child = co_await when_all(answer_later());
        if (!child) {
            co_return fail(child.error());
        }
        waits += gold.record().tasks() == 2 ? 1 : 0;
        auto permit = co_await gold.admit();
        if (!permit) {
            co_return fail(permit.error());
        }
    }
    co_return waits;
}

task<result<int>> run_as_root(tenant gold) {
    auto root = this_runtime().try_spawn(gold, be_admitted_behind_own_child, gold);
    if (!root) {
        co_return fail(root.error());
    }
    auto waits = co_await root->join();
    if (!waits) {
        co_return fail(waits.error());
    }
    co_return *waits;
}

TEST(AdmissionGate, WhoIsAdmittedAsATurnEndsIsNotLeftBehind) {
    runtime rt(quiet());
    const tenant gold = with_limits(rt, "gold", {.tasks = 2});

    const auto waits = rt.run(run_as_root(gold));

    ASSERT_TRUE(waits) << waits.error().message();
    EXPECT_GT(*waits, 0) << "nobody had to wait";
}

task<void> note(std::vector<int>* order, int number) {
    order->push_back(number);
    co_return;
}

task<result<void>> spawn_and_join(tenant gold, std::vector<int>* order, int number) {
    auto admitted = co_await spawn(gold, note, order, number);
    if (!admitted) {
        co_return fail(admitted.error());
    }
    co_return co_await admitted->join();
}

task<result<void>> spawn_in_order(scope_handle scope, tenant gold, std::vector<int>* order) {
    auto held = this_runtime().try_spawn(gold, hold);
    if (!held) {
        co_return fail(held.error());
    }
    for (int i = 0; i < 5; ++i) {
        auto child = scope.spawn(spawn_and_join, gold, order, i);
        if (!child) {
            co_return fail(child.error());
        }
        auto arrived = co_await sleep_for(1us);  // the one spawned last would come first
        if (!arrived) {
            co_return fail(arrived.error());
        }
    }
    auto slept = co_await sleep_for(1ms);
    if (!slept || !order->empty()) {
        co_return fail(errc::bad_argument);
    }
    held->request_stop();
    co_return result<void>();
}

TEST(AdmissionGate, AdmitsTheWaitersOfATenantInTheirOrder) {
    runtime rt(quiet());
    const tenant gold = with_limits(rt, "gold", {.tasks = 1});
    std::vector<int> order;

    const auto done = rt.run(in_scope(spawn_in_order, gold, &order));

    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

task<result<refusal_reason>> spawn_within(tenant gold, duration limit, std::atomic<bool>* ran) {
    runnable& self = co_await this_task();
    const internal::deadline_scope until(self, self.home->now() + limit);
    auto admitted = co_await spawn(
        gold,
        [](std::atomic<bool>* flag) -> task<void> {
            flag->store(true);
            co_return;
        },
        ran);
    if (admitted) {
        co_return fail(errc::bad_argument);
    }
    co_return admitted.error().reason;
}

TEST(AdmissionGate, SpawnGivesUpAtTheDeadlineAndRunsNothing) {
    runtime rt(quiet());
    const tenant gold = with_limits(rt, "gold", {.tasks = 0});
    std::atomic<bool> ran{false};

    const auto reason = rt.run(spawn_within(gold, 2ms, &ran));

    ASSERT_TRUE(reason) << reason.error().message();
    EXPECT_EQ(*reason, refusal_reason::deadline_exceeded);
    EXPECT_FALSE(ran.load());
    EXPECT_EQ(gold.record().frame_bytes(), 0) << "the frame that waited is freed";
}

task<result<refusal_reason>> wait_for_admission(tenant gold, std::atomic<bool>* ran) {
    auto reason = co_await spawn_within(gold, 1h, ran);
    co_return reason;
}

TEST(AdmissionGate, ShutdownEndsTheWaitOfTasksBeforeAGate) {
    runtime rt(quiet());
    ASSERT_TRUE(rt.start());
    const tenant gold = with_limits(rt, "gold", {.tasks = 0});
    std::atomic<bool> ran{false};
    auto waiting =
        rt.try_spawn(rt.tenants().get_or_create("other"), wait_for_admission, gold, &ran);
    ASSERT_TRUE(waiting);

    ASSERT_TRUE(rt.stop());

    EXPECT_TRUE(waiting->is_done());
    EXPECT_FALSE(ran.load());
}

task<result<int>> spawn_on_own_account(tenant gold) {
    auto admitted = co_await spawn(gold, answer);
    if (!admitted) {
        co_return fail(admitted.error());
    }
    auto value = co_await admitted->join();
    co_return value;
}

TEST(AdmissionGate, NeverHoldsUpATaskThatSpawnsOntoItsOwnAccount) {
    runtime rt(quiet());
    const tenant gold = with_limits(rt, "gold", {.tasks = 1});
    ASSERT_TRUE(rt.start());

    const auto value = rt.sync_wait(gold, spawn_on_own_account, gold);

    ASSERT_TRUE(value) << value.error().message();
    EXPECT_EQ(*value, 42);
}

TEST(AdmissionGate, RefusesRootsOfATenantWhoseQueueIsTooLong) {
    runtime rt(quiet());
    ASSERT_TRUE(rt.start());
    const tenant slow = rt.tenants().get_or_create("slow");
    const instant now = internal::host_of(rt.handle().get()).now();

    slow.record().note_queue_delay(2s, now);
    const auto refused = rt.try_spawn(slow, answer);
    slow.record().note_queue_delay(2ms, now);
    const auto admitted = rt.try_spawn(slow, answer);

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, refusal_reason::tenant_queue_delay);
    EXPECT_TRUE(admitted);
    ASSERT_TRUE(rt.stop());
}

task<result<void>> use_permits(tenant gold) {
    auto first = gold.try_admit();
    auto second = gold.try_admit();
    if (!first || second || second.error().reason != refusal_reason::tenant_requests_max) {
        co_return fail(errc::bad_argument);
    }
    first->end();
    first->end();  // harmless
    runnable& self = co_await this_task();
    self.cls = work_class::write;
    self.birth = coarse_instant();
    self.deadline = long_ago;
    {
        const admit_options dear{.cost = 7};  // dearer than the limit: alone
        auto third = co_await gold.admit(dear);
        if (!third || third->cost() != 7 || self.cls != work_class::read ||
            self.birth == coarse_instant() || self.deadline != never) {
            co_return fail(errc::bad_argument);
        }
        auto fourth = gold.try_admit();
        if (fourth) {
            co_return fail(errc::bad_argument);
        }
    }
    auto fifth = gold.try_admit();
    if (!fifth) {
        co_return fail(fifth.error());
    }
    co_return result<void>();
}

TEST(AdmissionGate, PermitsBoundTheRequestsOfATenant) {
    runtime rt(quiet());
    const tenant gold = with_limits(rt, "gold", {.requests = 1});

    const auto done = rt.run(use_permits(gold));

    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(gold.record().requests.load(), 0);
}

struct crowd {
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    std::atomic<int> served{0};
    std::atomic<int> gave_up{0};
};

task<void> visit(tenant gold, crowd* seen, bool is_impatient) {
    runnable& self = co_await this_task();
    const instant until = is_impatient ? self.home->now() + std::chrono::microseconds(200) : never;
    const internal::deadline_scope limit(self, until);
    auto permit = co_await gold.admit();
    if (!permit) {
        seen->gave_up.fetch_add(1);
        co_return;
    }
    const int now = seen->inside.fetch_add(1) + 1;
    for (int most = seen->most.load();
         now > most && !seen->most.compare_exchange_weak(most, now);) {
    }
    auto gone_on = co_await yield_now();
    static_cast<void>(gone_on);
    seen->inside.fetch_sub(1);
    seen->served.fetch_add(1);
}

task<result<void>> visit_all(scope_handle scope, tenant one, tenant other, crowd* seen, int count) {
    for (int i = 0; i < count; ++i) {
        auto child = scope.spawn(visit, i % 2 == 0 ? one : other, seen, i % 5 == 0);
        if (!child) {
            co_return fail(child.error());
        }
        if (i % 64 == 0) {
            auto gone_on = co_await yield_now();
            if (!gone_on) {
                co_return fail(gone_on.error());
            }
        }
    }
    co_return result<void>();
}

TEST(AdmissionGate, NeverAdmitsMoreWaitersThanItsLimitAndForgetsNone) {
    constexpr int visits = 20'000;
    runtime rt(quiet(2));
    const tenant one = with_limits(rt, "one", {.requests = 3});
    const tenant other = with_limits(rt, "other", {.requests = 2});
    crowd seen;

    const auto done = rt.run(in_scope(visit_all, one, other, &seen, visits));

    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(seen.served.load() + seen.gave_up.load(), visits);
    EXPECT_GE(seen.served.load(), visits * 4 / 5) << "the patient are all served";
    EXPECT_LE(seen.most.load(), 5);
    EXPECT_EQ(one.record().requests.load() + other.record().requests.load(), 0);
}

}  // namespace
}  // namespace drama
