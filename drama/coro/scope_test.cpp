// SPDX-License-Identifier: Apache-2.0
#include "drama/coro/scope.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_account;
using testing::test_host;

/// What the children of one scope met.
struct log {
    int ended = 0;
    std::vector<std::error_code> errors;
    std::vector<std::uint64_t> payers;
};

task<void> child(duration span, log* to) {
    runnable& self = co_await this_task();
    to->payers.push_back(self.payer->id());
    const auto slept = co_await sleep_for(span);
    ++to->ended;
    if (!slept) {
        to->errors.push_back(slept.error());
    }
}

task<void> throwing_child(duration span) {
    const auto slept = co_await sleep_for(span);
    if (slept) {
        throw std::runtime_error("child");
    }
}

task<int> spawn_three(scope_handle scope, log* to) {
    for (int i = 1; i <= 3; ++i) {
        auto spawned = scope.spawn(child, duration(i * 1ms), to);
        EXPECT_TRUE(spawned.has_value());
    }
    EXPECT_EQ(scope.size(), 3U);
    co_return 9;
}

task<result<int>> fail_body(scope_handle scope, log* to) {
    const int spawned = co_await spawn_three(scope, to);
    EXPECT_EQ(spawned, 9);
    co_return fail(errc::bad_argument);
}

task<void> throw_body(scope_handle scope, log* to) {
    co_await spawn_three(scope, to);
    throw std::logic_error("body");
}

task<void> spawn_thrower(scope_handle scope, log* to) {
    co_await spawn_three(scope, to);
    auto thrower = scope.spawn(throwing_child, duration(500us));
    EXPECT_TRUE(thrower.has_value());
}

task<void> spawn_and_stop(scope_handle scope, log* to) {
    co_await spawn_three(scope, to);
    co_await yield_now();
    scope.stop();
    auto late = scope.spawn(child, duration(1h), to);
    EXPECT_TRUE(late.has_value());
}

task<void> grandchildren(scope_handle scope, int depth, log* to) {
    ++to->ended;
    if (depth > 0) {
        for (int i = 0; i < 2; ++i) {
            auto spawned = scope.spawn(grandchildren, scope, depth - 1, to);
            EXPECT_TRUE(spawned.has_value());
        }
    }
    co_await yield_now();
}

task<void> spawn_on_other(scope_handle scope, test_account* other, log* to) {
    auto spawned = scope.spawn(std::ref(*other), child, duration(1ms), to);
    if (!spawned) {
        to->errors.push_back(spawned.error());
    }
    co_return;
}

task<int> join_inside(scope_handle scope, log* to) {
    auto spawned = scope.spawn(child, duration(2ms), to);
    auto joined = co_await spawned->join();
    EXPECT_TRUE(joined.has_value());
    co_return to->ended;
}

task<result<int>> bounded_scope(log* to) {
    auto inner = in_scope(fail_body, to);
    co_return co_await with_deadline(1500us, std::move(inner));
}

task<result<int>> bounded_waiting_scope(log* to) {
    auto inner = in_scope(spawn_three, to);
    co_return co_await with_deadline(1500us, std::move(inner));
}

TEST(Scope, EndsAfterItsLastChild) {
    test_host host;
    log seen;
    const instant begun = host.now();
    EXPECT_EQ(host.run(in_scope<task<int> (*)(scope_handle, log*), log*>, spawn_three, &seen), 9);
    EXPECT_EQ(seen.ended, 3);
    EXPECT_TRUE(seen.errors.empty());
    EXPECT_EQ(host.now() - begun, 3ms);
    EXPECT_EQ(host.account().frame_bytes(), 0);
}

template <class F, class... Args>
auto run_scope(test_host& host, F f, Args... args) {
    return host.run(in_scope<F, Args...>, f, args...);
}

TEST(Scope, StopsItsChildrenWhenTheBodyFails) {
    test_host host;
    log seen;
    const auto outcome = run_scope(host, fail_body, &seen);
    EXPECT_EQ(outcome.error(), errc::bad_argument);
    EXPECT_EQ(seen.ended, 3);
    EXPECT_EQ(seen.errors, std::vector<std::error_code>(3, errc::stop_requested));
}

TEST(Scope, StopsItsChildrenWhenTheBodyThrows) {
    test_host host;
    log seen;
    EXPECT_THROW(run_scope(host, throw_body, &seen), std::logic_error);
    EXPECT_EQ(seen.ended, 3);
    EXPECT_EQ(seen.errors.size(), 3U);
}

TEST(Scope, AChildsExceptionStopsTheOthersAndComesOut) {
    test_host host;
    log seen;
    EXPECT_THROW(run_scope(host, spawn_thrower, &seen), std::runtime_error);
    EXPECT_EQ(seen.ended, 3);
    EXPECT_EQ(seen.errors.size(), 3U);
    EXPECT_EQ(host.account().frame_bytes(), 0);
}

TEST(Scope, StopReachesPresentAndFutureChildren) {
    test_host host;
    log seen;
    run_scope(host, spawn_and_stop, &seen);
    EXPECT_EQ(seen.ended, 4);
    EXPECT_EQ(seen.errors.size(), 4U);
}

TEST(Scope, AStopOfTheOwnerAtAnyStepJoinsEveryChild) {
    for (int stop_at = 0; stop_at < 12; ++stop_at) {
        test_host host;
        log seen;
        auto owner =
            host.spawn(in_scope<task<int> (*)(scope_handle, log*), log*>, spawn_three, &seen);
        host.run_and_act(stop_at, [&] { owner.request_stop(); });
        EXPECT_EQ(seen.ended, 3) << "stop_at=" << stop_at;
        EXPECT_EQ(host.alive(), 0U) << "stop_at=" << stop_at;
        for (const auto error : seen.errors) {
            EXPECT_EQ(error, errc::stop_requested);
        }
        EXPECT_EQ(test_host::take(owner), 9);
    }
}

TEST(Scope, ADeadlineOfTheOwnerIsTheChildrensReason) {
    test_host host;
    log seen;
    const auto outcome = host.run(bounded_waiting_scope, &seen);
    EXPECT_EQ(outcome.error(), errc::deadline_exceeded);
    EXPECT_EQ(seen.ended, 3);
    EXPECT_EQ(seen.errors, std::vector<std::error_code>(2, errc::deadline_exceeded));
    seen = log();
    EXPECT_EQ(host.run(bounded_scope, &seen).error(), errc::bad_argument);
}

TEST(Scope, ChildrenMaySpawnIntoTheScopeThatHoldsThem) {
    for (const std::uint64_t seed : {0U, 1U, 2U, 3U}) {
        test_host host(seed);
        log seen;
        run_scope(host, grandchildren, 6, &seen);
        EXPECT_EQ(seen.ended, 127) << "seed=" << seed;
        EXPECT_EQ(host.alive(), 0U);
    }
}

TEST(Scope, SpawnsOntoAnotherAccountThroughTheGate) {
    test_host host;
    test_account other(77);
    log seen;
    run_scope(host, spawn_on_other, &other, &seen);
    EXPECT_EQ(seen.payers, std::vector<std::uint64_t>{77});
    EXPECT_EQ(other.frame_bytes(), 0);

    host.gate = refusal{refusal_reason::tenant_tasks_max, resource::cpu, 77};
    run_scope(host, spawn_on_other, &other, &seen);
    EXPECT_EQ(seen.errors, std::vector<std::error_code>{errc::admission_rejected});
    EXPECT_EQ(seen.payers.size(), 1U);
}

TEST(Scope, JoinsOneChildByItsHandle) {
    test_host host;
    log seen;
    EXPECT_EQ(run_scope(host, join_inside, &seen), 1);
}

}  // namespace
}  // namespace drama
