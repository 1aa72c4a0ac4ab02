// SPDX-License-Identifier: Apache-2.0
// Which core takes what another one cannot run now, and how soon. Bounds in virtual time: a worker
// that is woken is there within 5 us, the watchdog looks twice in a millisecond.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"
#include "drama/sync/event.hpp"

namespace drama {
namespace {

struct seen {
    simulation* sim = nullptr;
    event go;
    std::vector<instant> began;
    instant asked = long_ago;
    instant ended = long_ago;

    duration after(std::size_t index) const { return began[index] - asked; }
};

struct two_workers {
    explicit two_workers(std::uint64_t seed) : sim(seed), rt(sim.world(), without_hand_over()) {
        all.sim = &sim;
        sim.watch(rt);
        EXPECT_TRUE(rt.start());
    }
    ~two_workers() { EXPECT_TRUE(rt.stop()); }

    static runtime_options without_hand_over() {
        runtime_options options;
        options.workers = 2;
        options.hand_over = false;  // what it would do for others, they do themselves here
        options.log = [](const std::string&) {};
        return options;
    }
    template <class... Args>
    void spawn(Args... args) {
        EXPECT_TRUE(rt.try_spawn(rt.tenants().get_or_create("own"), args...));
    }

    simulation sim;
    runtime rt;
    seen all;
};

task<void> note_and_spend(seen* all, duration cost) {
    all->began.push_back(all->sim->now());
    sim::spend(cost);
    co_return;
}

task<void> wait_and_spend(seen* all, duration cost) {
    auto waited = co_await all->go.wait();
    if (waited) {
        all->began.push_back(all->sim->now());
        sim::spend(cost);
    }
}

task<void> set_and_spend(seen* all, duration cost) {
    auto slept = co_await sleep_for(1ms);
    if (slept) {
        all->asked = all->sim->now();
        all->go.set();
        sim::spend(cost);
        all->ended = all->sim->now();
    }
}

TEST(Wake, WhatATaskWakesAndCannotRunAnIdleWorkerTakesAtOnce) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 20; ++seed) {
        two_workers with(seed);
        for (int i = 0; i < 4; ++i) {
            with.spawn(wait_and_spend, &with.all, duration(300us));
        }
        with.spawn(set_and_spend, &with.all, duration(400us));
        ASSERT_TRUE(with.sim.run_to_end()) << with.sim.replay();
        ASSERT_EQ(with.all.began.size(), 4U);
        EXPECT_LE(with.all.after(0), 100us) << replay_line(seed);
    }
}

// Both are busy when it comes, half of it to each; the second is idle again when the first finds
// its half.
TEST(Wake, OfWhatComesToABusyWorkerAnIdleOneTakesItsPart) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 20; ++seed) {
        two_workers with(seed);
        seen busy;
        busy.sim = &with.sim;
        with.spawn(note_and_spend, &busy, duration(700us));
        with.spawn(note_and_spend, &busy, duration(100us));
        with.sim.run_for(50us);
        ASSERT_EQ(busy.began.size(), 2U) << replay_line(seed);
        for (int i = 0; i < 6; ++i) {
            with.spawn(note_and_spend, &with.all, duration(100us));
        }
        ASSERT_TRUE(with.sim.run_to_end()) << with.sim.replay();
        ASSERT_EQ(with.all.began.size(), 6U);
        const instant found = busy.began[0] + 700us;
        EXPECT_GE(with.all.began[3], found) << replay_line(seed);
        EXPECT_LE(with.all.began[4], found + 75us) << replay_line(seed);
    }
}

task<void> set_yield_and_note(seen* all) {
    all->asked = all->sim->now();
    all->go.set();
    auto gone_on = co_await yield_now();
    if (gone_on) {
        all->ended = all->sim->now();
    }
}

// Woken last, the other one runs next in the same turn; behind it the last one of the tenant waits.
TEST(Wake, TheLastTaskBehindALongPollGoesToAnIdleWorker) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 20; ++seed) {
        two_workers with(seed);
        with.spawn(wait_and_spend, &with.all, duration(10ms));
        with.sim.run_for(1ms);
        with.spawn(set_yield_and_note, &with.all);
        ASSERT_TRUE(with.sim.run_to_end()) << with.sim.replay();
        EXPECT_LE(with.all.ended - with.all.asked, 1500us) << replay_line(seed);
    }
}

task<void> give_way(int times) {
    for (; times != 0; --times) {
        auto gone_on = co_await yield_now();
        static_cast<void>(gone_on);
    }
}

// Of the children only the last one takes `last`; the parent takes `cost` itself.
task<result<void>> spawn_and_spend(scope_handle scope, seen* all, int count, duration last,
                                   duration cost) {
    for (int i = 1; i <= count; ++i) {
        auto child = scope.spawn(note_and_spend, all, i == count ? last : duration(0));
        if (!child) {
            co_return fail(child.error());
        }
    }
    all->asked = all->sim->now();
    sim::spend(cost);
    all->ended = all->sim->now();
    co_return result<void>();
}

// So few and short that they do not seem worth waking a worker for.
task<void> spawn_behind_a_long_poll(seen* all, int count, duration last, duration cost) {
    co_await give_way(200);
    auto slept = co_await sleep_for(1ms);
    static_cast<void>(slept);
    auto done = co_await in_scope(spawn_and_spend, all, count, last, cost);
    EXPECT_TRUE(done);
}

TEST(Wake, WhatALongPollHasSpawnedGoesToAnIdleWorker) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 20; ++seed) {
        two_workers with(seed);
        const duration last = seed % 2 == 0 ? 10ms : duration(0);
        with.spawn(spawn_behind_a_long_poll, &with.all, 6, last, 10ms - last);
        ASSERT_TRUE(with.sim.run_to_end()) << with.sim.replay();
        ASSERT_EQ(with.all.began.size(), 6U);
        EXPECT_LE(with.all.after(5), 1500us) << replay_line(seed);
    }
}

TEST(Wake, WhatALongPollHasSpawnedGoesWithItsCore) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 20; ++seed) {
        simulation sim(seed);
        runtime_options options = two_workers::without_hand_over();
        options.workers = 1;
        options.hand_over = true;
        runtime rt(sim.world(), options);
        sim.watch(rt);
        ASSERT_TRUE(rt.start());
        seen all;
        all.sim = &sim;
        const tenant own = rt.tenants().get_or_create("own");
        ASSERT_TRUE(rt.try_spawn(own, spawn_behind_a_long_poll, &all, 6, duration(0),
                                 duration(20ms)));
        ASSERT_TRUE(sim.run_to_end()) << sim.replay();
        ASSERT_EQ(all.began.size(), 6U);
        EXPECT_LE(all.after(5), 2ms) << replay_line(seed);
        EXPECT_TRUE(rt.stop());
    }
}

task<void> note_number(std::vector<int>* order, int number) {
    order->push_back(number);
    co_return;
}

task<result<void>> spawn_numbers(scope_handle scope, std::vector<int>* order) {
    for (int i = 0; i < 200; ++i) {
        auto child = scope.spawn(note_number, order, i);
        if (!child) {
            co_return fail(child.error());
        }
    }
    co_return result<void>();
}

task<void> number_all(std::vector<int>* order) {
    auto done = co_await in_scope(spawn_numbers, order);
    EXPECT_TRUE(done);
}

// More than a turn keeps to itself.
TEST(Wake, ManyThatOnePollSpawnsRunInOrderAfterTheLast) {
    for (const bool fair : {false, true}) {
        simulation sim(seed_or(1));
        runtime_options options = two_workers::without_hand_over();
        options.workers = 1;
        options.order = fair ? policy::fair : policy::fifo;
        runtime rt(sim.world(), options);
        sim.watch(rt);
        ASSERT_TRUE(rt.start());
        std::vector<int> order;
        ASSERT_TRUE(rt.try_spawn(rt.tenants().get_or_create("own"), number_all, &order));
        ASSERT_TRUE(sim.run_to_end()) << sim.replay();
        ASSERT_EQ(order.size(), 200U);
        EXPECT_EQ(order[0], 199);
        for (std::size_t i = 1; i < order.size(); ++i) {
            EXPECT_EQ(order[i], static_cast<int>(i) - 1);
        }
        EXPECT_TRUE(rt.stop());
    }
}

std::size_t count(const std::string& text, const std::string& what) {
    std::size_t found = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
        ++found;
    }
    return found;
}

task<void> stay_awake() {
    for (int i = 0; i < 100; ++i) {
        sim::spend(100us);
        auto slept = co_await sleep_for(100us);
        if (!slept) {
            co_return;
        }
    }
}

TEST(Wake, OneSpareThreadIsEnough) {
    const std::uint64_t seed = seed_or(1);
    simulation sim(seed);
    runtime_options options = two_workers::without_hand_over();
    options.hand_over = true;
    runtime rt(sim.world(), options);
    sim.watch(rt);
    ASSERT_TRUE(rt.start());
    ASSERT_TRUE(rt.try_spawn(rt.tenants().system(), stay_awake));
    ASSERT_TRUE(sim.run_to_end()) << sim.replay();
    const std::string threads = sim.world().describe_threads();
    EXPECT_EQ(count(threads, " worker:"), 3U) << threads;
    EXPECT_TRUE(rt.stop());
}

}  // namespace
}  // namespace drama
