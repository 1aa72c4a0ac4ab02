// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/pool/thread_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "drama/coro/when.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/world/forwarding_world.hpp"
#include "drama/runtime/world/real_world.hpp"

namespace drama {
namespace {

// The machine, but it starts only so many threads of the pools.
class short_of_threads final : public forwarding_world {
  public:
    short_of_threads(world& machine, int pool_threads_max)
        : forwarding_world(machine), left_(pool_threads_max) {}

    result<std::unique_ptr<world_thread>> start_thread(thread_role role,
                                                       thread_body& body) override {
        if (role == thread_role::blocking && left_.fetch_sub(1) <= 0) {
            return fail(errc::thread_unavailable);
        }
        return within().start_thread(role, body);
    }

  private:
    std::atomic<int> left_;
};

runtime_options quiet(std::size_t blocking_max) {
    runtime_options options;
    options.workers = 1;
    options.blocking_threads_max = blocking_max;
    options.log = [](const std::string&) {};
    return options;
}

int one() {
    return 1;
}

task<result<int>> call_one() {
    co_return co_await blocking(one);
}

TEST(ThreadPool, TellsTheSubmitterWhenNoThreadCanBeHad) {
    real_world machine;
    short_of_threads starved(machine, 0);
    runtime rt(starved, quiet(4));
    ASSERT_TRUE(rt.start());

    const auto refused = rt.sync_wait(rt.tenants().system(), call_one);

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::thread_unavailable);
    EXPECT_TRUE(rt.stop());
}

int chain(runtime_handle in, tenant payer, tenant other, int depth) {
    if (depth == 0) {
        return 0;
    }
    auto inner =
        start_blocking(in, depth % 2 == 0 ? payer : other, chain, in, payer, other, depth - 1);
    return inner.wait().value_or(-1'000'000) + 1;
}

task<result<int>> call_chain(runtime_handle in, tenant payer, tenant other, int depth) {
    co_return co_await blocking(chain, in, payer, other, depth);
}

TEST(ThreadPool, NestedCallsOfTwoTenantsFinishWithOneThread) {
    real_world machine;
    short_of_threads starved(machine, 1);
    runtime rt(starved, quiet(1));
    ASSERT_TRUE(rt.start());
    const tenant a = rt.tenants().get_or_create("a");
    const tenant b = rt.tenants().get_or_create("b");

    const auto depth = rt.sync_wait(a, call_chain, rt.handle(), a, b, 40);

    EXPECT_EQ(depth.value_or(0), 40);
    EXPECT_TRUE(rt.stop());
}

// Each call waits from its thread for a task that makes the next call.
int call_through_tasks(runtime* in, tenant payer, int depth);

task<result<int>> call_deeper(runtime* in, tenant payer, int depth) {
    co_return co_await blocking(call_through_tasks, in, payer, depth);
}

int call_through_tasks(runtime* in, tenant payer, int depth) {
    if (depth == 0) {
        return 0;
    }
    return in->sync_wait(payer, call_deeper, in, payer, depth - 1).value_or(-1'000'000) + 1;
}

TEST(ThreadPool, CallsThatWaitForTasksThatCallFinishOnTwoThreads) {
    runtime rt(quiet(2));
    ASSERT_TRUE(rt.start());
    const tenant payer = rt.tenants().get_or_create("deep");

    const auto depth = rt.sync_wait(payer, call_deeper, &rt, payer, 40);

    EXPECT_EQ(depth.value_or(0), 40);
    EXPECT_TRUE(rt.stop());
}

int compute_through_tasks(runtime* in, tenant payer, int depth);

task<result<int>> compute_deeper(runtime* in, tenant payer, int depth) {
    co_return co_await compute(compute_through_tasks, in, payer, depth);
}

int compute_through_tasks(runtime* in, tenant payer, int depth) {
    if (depth == 0) {
        return 0;
    }
    return in->sync_wait(payer, compute_deeper, in, payer, depth - 1).value_or(-1'000'000) + 1;
}

TEST(ThreadPool, ComputationsThatWaitForTasksThatComputeFinishOnOneThread) {
    auto options = quiet(2);
    options.compute_threads = 1;
    runtime rt(options);
    ASSERT_TRUE(rt.start());
    const tenant payer = rt.tenants().get_or_create("deep");

    const auto depth = rt.sync_wait(payer, compute_deeper, &rt, payer, 40);

    EXPECT_EQ(depth.value_or(0), 40);
    EXPECT_TRUE(rt.stop());
}

// Two calls that wait for each other. Each starts, publishes itself, and waits for the other.
struct knot {
    std::atomic<blocking_call<int (*)(knot*, bool), knot*, bool>*> calls[2]{};
    std::atomic<int> deadlocks{0};
    std::atomic<int> finished{0};
};

int tie(knot* shared, bool second) {
    auto& other = shared->calls[second ? 0 : 1];
    while (other.load() == nullptr) {
        std::this_thread::yield();
    }
    const auto waited = other.load()->wait();
    if (!waited && waited.error() == errc::would_deadlock) {
        ++shared->deadlocks;
    }
    ++shared->finished;
    return 1;
}

TEST(ThreadPool, ReportsACycleWithBothSitesAndFailsOneWait) {
    std::string reported;
    std::mutex reported_mutex;
    auto options = quiet(4);
    options.log = [&](const std::string& line) {
        const std::lock_guard guard(reported_mutex);
        reported += line + "\n";
    };
    runtime rt(options);
    ASSERT_TRUE(rt.start());
    const tenant payer = rt.tenants().get_or_create("knot");
    auto shared = std::make_unique<knot>();

    {
        auto first = start_blocking(rt.handle(), payer, tie, shared.get(), false);
        auto second = start_blocking(rt.handle(), payer, tie, shared.get(), true);
        shared->calls[0] = &first;
        shared->calls[1] = &second;
        while (shared->finished.load() < 2) {
            std::this_thread::yield();
        }
    }

    EXPECT_EQ(shared->deadlocks.load(), 1);
    const std::lock_guard guard(reported_mutex);
    const auto first_site = reported.find("thread_pool_test.cpp:");
    ASSERT_NE(first_site, std::string::npos) << reported;
    EXPECT_NE(reported.find("thread_pool_test.cpp:", first_site + 1), std::string::npos)
        << reported;
    EXPECT_NE(reported.find("deadlock of blocking calls"), std::string::npos) << reported;
    EXPECT_TRUE(rt.stop());
}

int wait_for_release(std::atomic<bool>* release) {
    while (!release->load()) {
        std::this_thread::yield();
    }
    return 1;
}

task<result<int>> call_waiting(std::atomic<bool>* release) {
    co_return co_await blocking(wait_for_release, release);
}

TEST(ThreadPool, RefusesMoreThanATenantMayQueue) {
    runtime rt(quiet(1));
    ASSERT_TRUE(rt.start());
    const tenant greedy = rt.tenants().get_or_create("greedy");
    tenant_options options;
    options.limit.blocking_queue = 2;
    greedy.set(options);
    std::atomic<bool> release{false};
    std::vector<join_handle<result<int>>> calls;

    int refused = 0;
    for (int i = 0; i < 16; ++i) {
        auto call = rt.try_spawn(greedy, call_waiting, &release);
        ASSERT_TRUE(call);
        calls.push_back(*std::move(call));
    }
    while (greedy.usage().refused.read() == 0) {
        std::this_thread::yield();
    }
    release = true;
    ASSERT_TRUE(rt.stop());

    for (auto& call : calls) {
        refused += call.is_done() ? 0 : 1;
    }
    EXPECT_EQ(refused, 0) << "a refused call ends its task, it does not hang it";
    EXPECT_GE(greedy.usage().refused.read(), 1U);
}

void count_run(std::atomic<int>* runs) {
    ++*runs;
}

task<void> call_counting(std::atomic<int>* runs, std::error_code* ended) {
    auto called = co_await blocking(count_run, runs);
    *ended = called ? std::error_code() : called.error();
}

task<void> set_flag(std::atomic<bool>* flag) {
    *flag = true;
    co_return;
}

// No more than two of the first calls run at a time, so the counting one stands behind them.
TEST(ThreadPool, DoesNotRunAQueuedCallWhoseTaskWasStopped) {
    runtime rt(quiet(1));
    ASSERT_TRUE(rt.start());
    const tenant own = rt.tenants().get_or_create("own");
    std::atomic<bool> release{false};
    std::atomic<bool> is_queued{false};
    std::atomic<int> runs{0};
    std::error_code ended;
    for (int i = 0; i < 8; ++i) {
        ASSERT_TRUE(rt.try_spawn(own, call_waiting, &release));
    }
    auto counting = rt.try_spawn(own, call_counting, &runs, &ended);
    ASSERT_TRUE(counting);
    ASSERT_TRUE(rt.try_spawn(own, set_flag, &is_queued));  // its turn comes after that call
    while (!is_queued) {
        std::this_thread::yield();
    }

    counting->request_stop();
    release = true;
    while (!counting->is_done()) {
        std::this_thread::yield();
    }

    EXPECT_EQ(runs, 0);
    EXPECT_EQ(ended, errc::stop_requested);
    EXPECT_TRUE(rt.stop());
}

TEST(ThreadPool, TellsByItsHandleWhyACallWasRefused) {
    runtime rt(quiet(1));
    ASSERT_TRUE(rt.start());
    const tenant own = rt.tenants().get_or_create("own");
    const tenant none = rt.tenants().get_or_create("none");
    tenant_options options;
    options.limit.blocking_queue = 0;
    none.set(options);

    const auto refused = start_blocking(rt.handle(), none, one).wait();
    ASSERT_TRUE(rt.stop());
    const auto late = start_blocking(rt.handle(), own, one).wait();

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::queue_full);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error(), errc::shutting_down);
}

int stopped_by_token(std::stop_token stop) {
    while (!stop.stop_requested()) {
        std::this_thread::yield();
    }
    return 7;
}

task<result<int>> call_stoppable() {
    co_return co_await blocking(stopped_by_token);
}

task<result<int>> call_with_deadline() {
    co_return co_await with_deadline(5ms, call_stoppable());
}

TEST(ThreadPool, PassesAStopOnToAFunctionThatTakesAToken) {
    runtime rt(quiet(2));

    const auto value = rt.run(call_with_deadline());

    EXPECT_EQ(value.value_or(0), 7) << "a result that was reached is kept";
}

int fails() {
    throw std::runtime_error("broken");
}

task<result<int>> call_failing() {
    co_return co_await compute(fails);
}

TEST(ThreadPool, CarriesExceptionsToTheAwait) {
    runtime rt(quiet(2));
    ASSERT_TRUE(rt.start());

    EXPECT_THROW(static_cast<void>(rt.sync_wait(rt.tenants().system(), call_failing)),
                 std::runtime_error);
    EXPECT_TRUE(rt.stop());
}

}  // namespace
}  // namespace drama
