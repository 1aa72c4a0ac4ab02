// SPDX-License-Identifier: Apache-2.0
// Small worlds around admission: limits hold, and who waits at a gate comes in.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/spawn.hpp"
#include "drama/sim/explore/sim_test.hpp"

namespace drama {
namespace {

struct door {
    int inside = 0;
    int most = 0;
    int served = 0;
    int refused = 0;

    void enter() { most = std::max(most, ++inside); }
    void leave() {
        --inside;
        ++served;
    }
};

task<void> guest(door* at) {
    at->enter();
    auto slept = co_await sleep_for(20us);
    EXPECT_TRUE(slept);
    at->leave();
}

task<void> invite(door* at, int guests) {
    for (int i = 0; i != guests; ++i) {
        auto made = this_runtime().try_spawn(this_runtime().tenant("guests"), guest, at);
        at->refused += made ? 0 : 1;
        auto slept = co_await sleep_for(7us);
        EXPECT_TRUE(slept);
    }
    while (at->served + at->refused < guests) {
        auto slept = co_await sleep_for(50us);
        EXPECT_TRUE(slept);
    }
}

DRAMA_SIM_TEST(GateScenario, ATaskLimitIsNeverExceeded) {
    auto& at = world.keep<door>();
    const int limit = static_cast<int>(world.capacity(3));
    const int guests = static_cast<int>(world.capacity(8));
    tenant payer = world.node("node").tenants().get_or_create("guests");
    payer.set({.limit = {.tasks = static_cast<std::uint64_t>(limit)}});
    world.start("node", invite, &at, guests);
    world.always([&at, limit] { return at.inside <= limit; });
    world.finally([&at, guests] { EXPECT_EQ(at.served + at.refused, guests); });
}

task<void> wait_to_spawn(door* at, int guests) {
    for (int i = 0; i != guests; ++i) {
        auto made = co_await spawn(this_runtime().tenant("guests"), guest, at);
        EXPECT_TRUE(made) << "nothing bounds the wait";
        if (made) {
            auto joined = co_await made->join();
            EXPECT_TRUE(joined);
        }
    }
}

DRAMA_SIM_TEST(GateScenario, WhoWaitsAtTheSpawnGateComesIn) {
    auto& at = world.keep<door>();
    const int limit = static_cast<int>(world.capacity(2));
    const int hosts = static_cast<int>(world.capacity(4));
    tenant payer = world.node("node").tenants().get_or_create("guests");
    payer.set({.limit = {.tasks = static_cast<std::uint64_t>(limit)}});
    for (int i = 0; i != hosts; ++i) {
        world.start_as("node", "host " + std::to_string(i), wait_to_spawn, &at, 3);
    }
    world.always([&at, limit] { return at.inside <= limit; });
    world.finally([&at, hosts] { EXPECT_EQ(at.served, 3 * hosts); });
}

task<void> ask_for_permits(door* at, int times, bool waits) {
    tenant payer = this_runtime().tenant("asking");
    for (int i = 0; i != times; ++i) {
        auto permit = payer.try_admit();
        if (!permit && waits) {
            auto admitted = co_await payer.admit();
            EXPECT_TRUE(admitted);
            permit = std::move(admitted);
        }
        if (!permit) {
            ++at->refused;
            continue;
        }
        at->enter();
        auto slept = co_await sleep_for(25us);
        EXPECT_TRUE(slept);
        at->leave();
    }
}

DRAMA_SIM_TEST(GateScenario, RequestsInFlightStayWithinTheirLimit) {
    auto& at = world.keep<door>();
    const int limit = static_cast<int>(world.capacity(2));
    const int tasks = static_cast<int>(world.capacity(4));
    tenant payer = world.node("node").tenants().get_or_create("asking");
    payer.set({.limit = {.requests = static_cast<std::uint64_t>(limit)}});
    for (int i = 0; i != tasks; ++i) {
        world.start_as("node", "asking", ask_for_permits, &at, 3, i % 2 == 0);
    }
    world.always([&at, limit] { return at.inside <= limit; });
    world.finally([&at, tasks] { EXPECT_EQ(at.served + at.refused, 3 * tasks); });
}

}  // namespace
}  // namespace drama
