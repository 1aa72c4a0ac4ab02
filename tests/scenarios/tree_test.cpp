// SPDX-License-Identifier: Apache-2.0
// Trees of tasks: a parent that joins a child runs it on its own stack while its turn lasts. Nobody
// may see that: not who is charged, not who is stopped, not how deep the tree is.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"

namespace drama {
namespace {

constexpr int depth_max = 8;

struct world_of_tests {
    simulation sim{seed_or(1)};
    std::vector<std::string> stalls;
    std::vector<std::string> sites;
    runtime rt;

    explicit world_of_tests(bool hand_over = true) : rt(sim.world(), made(hand_over)) {
        sim.watch(rt);
        EXPECT_TRUE(rt.start());
    }
    ~world_of_tests() { EXPECT_TRUE(rt.stop()); }

    runtime_options made(bool hand_over) {
        runtime_options options;
        options.workers = 1;
        options.hand_over = hand_over;
        options.log = [](const std::string&) {};
        options.on_stall = [this](const stall_report& each) {
            stalls.emplace_back(each.task);
            sites.emplace_back(each.site);
        };
        return options;
    }
    tenant payer() { return rt.tenants().get_or_create("trees"); }
    template <class... Args>
    void run(Args... args) {
        EXPECT_TRUE(rt.try_spawn(payer(), args...));
        EXPECT_TRUE(sim.run_to_end()) << sim.replay();
    }
};

task<void> chain(int length, std::vector<int>* depths);

task<result<void>> chain_on(scope_handle scope, int length, std::vector<int>* depths) {
    auto child = scope.spawn(chain, length - 1, depths);
    if (!child) {
        co_return fail(child.error());
    }
    auto joined = co_await child->join();
    co_return joined;
}

task<void> chain(int length, std::vector<int>* depths) {
    const runnable& self = co_await this_task();
    depths->push_back(self.slot().depth);
    if (length > 1) {
        auto joined = co_await in_scope(chain_on, length, depths);
        EXPECT_TRUE(joined);
    }
}

TEST(Tree, IsWalkedOnTheStackToABoundAndOverTheQueueBeyond) {
    world_of_tests in;
    std::vector<int> depths;
    in.run(chain, 100, &depths);
    ASSERT_EQ(depths.size(), 100U);
    for (std::size_t i = 0; i < depths.size(); ++i) {
        EXPECT_EQ(depths[i], static_cast<int>(i) % (depth_max + 1)) << i;
    }
}

TEST(Tree, CountsEachTaskAsAPoll) {
    world_of_tests in;
    std::vector<int> depths;
    in.run(chain, 5, &depths);
    const auto& usage = in.payer().record().usage;
    EXPECT_EQ(usage.polls.read(), 5U);
    EXPECT_EQ(usage.tasks_started.read(), 5U);
    EXPECT_EQ(usage.tasks_ended.read(), 5U);
}

task<void> spend(duration cost, int* depth) {
    const runnable& self = co_await this_task();
    *depth = self.slot().depth;
    sim::spend(cost);
}

task<result<void>> join_all(scope_handle scope, duration cost, std::vector<int>* depths) {
    std::vector<join_handle<void>> children;
    for (int& depth : *depths) {
        auto child = scope.spawn(spend, cost, &depth);
        if (!child) {
            co_return fail(child.error());
        }
        children.push_back(std::move(*child));
    }
    for (auto& each : children) {
        auto joined = co_await each.join();
        if (!joined) {
            co_return joined;
        }
    }
    co_return result<void>();
}

task<void> join_many(duration cost, std::vector<int>* depths) {
    auto joined = co_await in_scope(join_all, cost, depths);
    EXPECT_TRUE(joined);
}

// A turn is 50 us: of children that take 20 us each, the parent runs a few and then gives way.
TEST(Tree, LeavesTheStackWhenTheTurnIsOver) {
    world_of_tests in;
    std::vector<int> depths(40, -1);
    in.run(join_many, duration(20us), &depths);
    EXPECT_GE(std::ranges::count(depths, 0), 5);
    EXPECT_EQ(std::ranges::count(depths, 0) + std::ranges::count(depths, 1), 40);
    EXPECT_GE(in.payer().record().usage.turns.read(), 10U);
}

task<void> named_hog() {
    runnable& self = co_await this_task();
    self.rename("hog");
    EXPECT_EQ(self.slot().depth, 1);
    sim::spend(2s);
}

task<result<void>> join_hog(scope_handle scope) {
    auto child = scope.spawn(named_hog);
    if (!child) {
        co_return fail(child.error());
    }
    auto joined = co_await child->join();
    runnable& self = co_await this_task();
    self.rename("parent again");
    sim::spend(2s);
    co_return joined;
}

task<void> parent_of_hog() {
    runnable& self = co_await this_task();
    self.rename("parent");
    auto joined = co_await in_scope(join_hog);
    EXPECT_TRUE(joined);
}

task<void> sleeper(int* ticks) {
    for (; *ticks < 4000; ++*ticks) {
        auto slept = co_await sleep_for(1ms);
        if (!slept) {
            co_return;
        }
    }
}

// Who burns is named, its core goes to another thread, and the parent goes on without it.
TEST(Tree, AChildThatBurnsIsNamedAndLosesTheCoreForBoth) {
    world_of_tests in;
    int ticks = 0;
    ASSERT_TRUE(in.rt.try_spawn(in.rt.tenants().get_or_create("other"), sleeper, &ticks));
    in.run(parent_of_hog);
    EXPECT_EQ(ticks, 4000);
    EXPECT_EQ(in.rt.stats().hand_overs, 1U);
    ASSERT_FALSE(in.stalls.empty());
    EXPECT_EQ(in.stalls.front(), "hog");
}

task<void> burns() {
    sim::spend(2s);
    co_return;
}

task<result<void>> burns_like_its_child(scope_handle scope) {
    auto child = scope.spawn(burns);
    if (!child) {
        co_return fail(child.error());
    }
    auto joined = co_await child->join();
    sim::spend(2s);
    co_return joined;
}

task<void> parent_that_burns() {
    auto joined = co_await in_scope(burns_like_its_child);
    EXPECT_TRUE(joined);
}

// Each burns for as long as is reported: the child under its own function, then the parent again.
TEST(Tree, ReportsChildAndParentByTheirOwnFunctions) {
    world_of_tests in(false);
    in.run(parent_that_burns);
    ASSERT_EQ(in.sites.size(), 2U);
    EXPECT_NE(in.sites[0], in.sites[1]);
}

task<void> nearly_hogs() {
    sim::spend(900us);
    co_return;
}

task<result<void>> nearly_hogs_like_its_child(scope_handle scope) {
    auto child = scope.spawn(nearly_hogs);
    if (!child) {
        co_return fail(child.error());
    }
    auto joined = co_await child->join();
    sim::spend(900us);
    co_return joined;
}

task<void> parent_that_nearly_hogs() {
    auto joined = co_await in_scope(nearly_hogs_like_its_child);
    EXPECT_TRUE(joined);
}

// A core is lost after 1 ms: what parent and child take on one stack is not added up.
TEST(Tree, ChildAndParentAreJudgedApart) {
    world_of_tests in;
    int ticks = 3990;
    ASSERT_TRUE(in.rt.try_spawn(in.rt.tenants().get_or_create("other"), sleeper, &ticks));
    in.run(parent_that_nearly_hogs);
    EXPECT_EQ(in.rt.stats().hand_overs, 0U);
}

task<void> waits_for_ever(errc* seen) {
    auto slept = co_await sleep_for(std::chrono::hours(1));
    *seen = slept ? errc{} : static_cast<errc>(slept.error().value());
}

task<result<void>> join_waiting(scope_handle scope, errc* seen) {
    auto child = scope.spawn(waits_for_ever, seen);
    if (!child) {
        co_return fail(child.error());
    }
    auto joined = co_await child->join();
    co_return joined;
}

task<void> parent_of_waiting(errc* of_child, errc* of_parent) {
    auto joined = co_await with_deadline(5ms, in_scope(join_waiting, of_child));
    *of_parent = joined ? errc{} : static_cast<errc>(joined.error().value());
}

// A child that suspends leaves the stack; then the parent waits, and can be stopped there.
TEST(Tree, AParentWhoseChildWaitsIsStoppedInTheJoin) {
    world_of_tests in;
    errc of_child{};
    errc of_parent{};
    in.run(parent_of_waiting, &of_child, &of_parent);
    EXPECT_EQ(of_parent, errc::deadline_exceeded);
    EXPECT_EQ(of_child, errc::stop_requested);
}

}  // namespace
}  // namespace drama
