// SPDX-License-Identifier: Apache-2.0
// Two things that drama does not do, as programs that would need them. They fail, so they are
// disabled; --gtest_also_run_disabled_tests shows how.
//
//   D6: channels give no credit, so a ring of full ones stands still, and is described.
//   D17: a lock does not lend its holder the place of who waits for it, so a tenant of little
//      share keeps others waiting for as long as its share says.
#include <gtest/gtest.h>

#include <atomic>

#include "drama/coro/sleep.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/mutex.hpp"

namespace drama::deadlock {
namespace {

runtime_options workers(std::size_t count) {
    runtime_options made;
    made.workers = count;
    made.log = [](const std::string&) {};
    return made;
}

struct two_queues {
    channel<int> there{1};
    channel<int> back{1};
};

// Two requests out before the first reply is taken in.
task<result<void>> ask_twice_as_fast(channel<int>* out, channel<int>* in) {
    for (int i = 0; i < 10; ++i) {
        for (int each = 0; each < 2; ++each) {
            auto sent = co_await out->push(each);
            if (!sent) {
                co_return sent;
            }
        }
        for (int each = 0; each < 2; ++each) {
            DRAMA_CO_TRY([[maybe_unused]] const int got, co_await in->pop());
        }
    }
    co_return result<void>();
}

TEST(Waiting, DISABLED_D6ARingOfFullQueuesComesOnByCredit) {
    for (const std::size_t size : {1, 2, 4}) {
        simulation sim(1);
        two_queues in;
        runtime rt(sim.world(), workers(size));
        sim.watch(rt);
        ASSERT_TRUE(rt.start());
        ASSERT_TRUE(rt.try_spawn(rt.tenants().get_or_create("one"), ask_twice_as_fast, &in.there,
                                 &in.back));
        ASSERT_TRUE(rt.try_spawn(rt.tenants().get_or_create("other"), ask_twice_as_fast, &in.back,
                                 &in.there));
        const verdict seen = sim.run_to_verdict();
        EXPECT_FALSE(seen) << seen.text();
        EXPECT_TRUE(rt.stop());
    }
}

struct contended {
    mutex lock;
    std::atomic<bool> is_over{false};
    std::atomic<std::int64_t> waited_ns{0};
};

constexpr int parts = 20;
constexpr duration part = 50us;

task<result<void>> hold_in_parts(contended* in) {
    DRAMA_CO_TRY(auto held, co_await in->lock.lock());
    for (int i = 0; i < parts; ++i) {
        sim::spend(part);
        auto gave_way = co_await yield_now();
        if (!gave_way) {
            co_return gave_way;
        }
    }
    co_return result<void>();
}

task<result<void>> want_it(contended* in) {
    auto slept = co_await sleep_for(200us);
    if (!slept) {
        co_return slept;
    }
    runnable& self = co_await this_task();
    const instant began = self.home->now();
    DRAMA_CO_TRY(auto held, co_await in->lock.lock());
    in->waited_ns = (self.home->now() - began).count();
    in->is_over = true;
    co_return result<void>();
}

task<void> burn(contended* in) {
    while (!in->is_over) {
        sim::spend(part);
        co_await yield_now();
    }
}

TEST(Waiting, DISABLED_D17AHolderOfLittleShareIsLentThePlaceOfWhoWaits) {
    for (const std::size_t size : {1, 2, 4}) {
        simulation sim(1);
        contended in;
        runtime rt(sim.world(), workers(size));
        sim.watch(rt);
        ASSERT_TRUE(rt.start());
        tenant poor = rt.tenants().get_or_create("poor");
        poor.set({.weight = 0.01});
        ASSERT_TRUE(rt.try_spawn(poor, hold_in_parts, &in));
        ASSERT_TRUE(rt.try_spawn(rt.tenants().get_or_create("waits"), want_it, &in));
        for (std::size_t i = 0; i < 2 * size; ++i) {
            ASSERT_TRUE(rt.try_spawn(rt.tenants().get_or_create("burns"), burn, &in));
        }
        const verdict seen = sim.run_to_verdict();
        EXPECT_FALSE(seen) << seen.text();
        // Two tenants that compete, each with its parts and what they overrun.
        EXPECT_LE(duration(in.waited_ns.load()), 4 * parts * part);
        EXPECT_TRUE(rt.stop());
    }
}

}  // namespace
}  // namespace drama::deadlock
