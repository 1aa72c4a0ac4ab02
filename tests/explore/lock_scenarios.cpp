// SPDX-License-Identifier: Apache-2.0
// Small worlds around each lock: who is inside, who waits, and that everybody comes out again.
#include <gtest/gtest.h>

#include <string>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/sim/explore/sim_test.hpp"
#include "drama/sync/condition.hpp"
#include "drama/sync/mutex.hpp"
#include "drama/sync/semaphore.hpp"
#include "drama/sync/shared_mutex.hpp"

namespace drama {
namespace {

std::string tenant_name(std::size_t number) {
    return "tenant " + std::to_string(number % 3);
}

struct room {
    mutex door;
    int inside = 0;
    int visits = 0;
    int gave_up = 0;
    std::size_t done = 0;

    void enter() {
        EXPECT_EQ(++inside, 1) << "two tasks hold the mutex";
        ++visits;
    }
};

task<result<void>> visit(room* at, int times, duration patience) {
    for (int i = 0; i != times; ++i) {
        auto guard = co_await at->door.lock(patience);
        if (!guard) {
            EXPECT_EQ(guard.error(), errc::deadline_exceeded);
            ++at->gave_up;
            continue;
        }
        at->enter();
        auto slept = co_await sleep_for(duration(20us) * (i % 3));
        --at->inside;
        if (!slept) {
            co_return slept;
        }
    }
    ++at->done;
    co_return result<void>();
}

DRAMA_SIM_TEST(LockScenario, MutexHasOneHolderAndLosesNobody) {
    auto& at = world.keep<room>();
    const std::size_t tasks = 1 + world.capacity(5);
    const int times = static_cast<int>(world.capacity(6));
    for (std::size_t i = 0; i != tasks; ++i) {
        const duration patience = i % 2 == 0 ? duration(1h) : duration(30us);
        world.start_as("node", tenant_name(i), visit, &at, times, patience);
    }
    world.always([&at] { return at.inside <= 1; });
    world.finally([&at, tasks, times] {
        EXPECT_EQ(at.done, tasks);
        EXPECT_EQ(at.visits + at.gave_up, static_cast<int>(tasks) * times);
    });
}

// One task of a tenant beside a crowd of another.
struct crowded_room {
    static constexpr int not_waiting = -1;

    mutex door;
    runnable* guest = nullptr;  ///< null when it has gone
    int crowd_visits = 0;
    int visits_before = not_waiting;  ///< since when the guest stands in the line
    int guest_visits = 0;

    /// Looks whether the guest has begun to wait.
    void look() {
        if (guest == nullptr || visits_before != not_waiting) {
            return;
        }
        guest->try_inspect_wait([this](const wait_record* wait) {
            if (wait != nullptr && wait->kind == wait_kind::lock) {
                visits_before = crowd_visits;
            }
        });
    }
};

task<result<void>> crowd_in(crowded_room* at, int times) {
    for (int i = 0; i != times; ++i) {
        DRAMA_CO_TRY(const auto inside, co_await at->door.lock());
        ++at->crowd_visits;
        auto slept = co_await sleep_for(10us);
        if (!slept) {
            co_return slept;
        }
    }
    co_return result<void>();
}

task<result<void>> come_alone(crowded_room* at, int times) {
    runnable& self = co_await this_task();
    for (int i = 0; i != times; ++i) {
        at->visits_before = crowded_room::not_waiting;
        at->guest = &self;
        auto inside = co_await at->door.lock();
        at->guest = nullptr;
        if (!inside) {
            co_return fail(inside.error());
        }
        if (at->visits_before != crowded_room::not_waiting) {
            // One had it, or had just been given it; and one was before the guest.
            EXPECT_LE(at->crowd_visits - at->visits_before, 2);
        }
        ++at->guest_visits;
        auto slept = co_await sleep_for(10us);
        if (!slept) {
            co_return slept;
        }
    }
    co_return result<void>();
}

DRAMA_SIM_TEST(LockScenario, ACrowdDelaysAnotherTenantByOneHandOff) {
    auto& at = world.keep<crowded_room>();
    const int crowd = 4 + static_cast<int>(world.capacity(12));
    for (int i = 0; i != crowd; ++i) {
        world.start_as("node", "crowd", crowd_in, &at, 6);
    }
    world.start_as("node", "guest", come_alone, &at, 4);
    world.always([&at] {
        at.look();
        return true;
    });
    world.finally([&at, crowd] {
        EXPECT_EQ(at.crowd_visits, crowd * 6);
        EXPECT_EQ(at.guest_visits, 4);
    });
}

struct library {
    shared_mutex catalogue;
    int readers = 0;
    int writers = 0;
    int reads = 0;
    int writes = 0;
};

task<result<void>> read_catalogue(library* in, int times) {
    for (int i = 0; i != times; ++i) {
        DRAMA_CO_TRY(auto shared, co_await in->catalogue.lock_shared());
        ++in->readers;
        EXPECT_EQ(in->writers, 0);
        auto slept = co_await sleep_for(15us);
        --in->readers;
        ++in->reads;
        EXPECT_TRUE(slept);
    }
    co_return result<void>();
}

task<result<void>> write_catalogue(library* in, int times) {
    for (int i = 0; i != times; ++i) {
        DRAMA_CO_TRY(auto alone, co_await in->catalogue.lock());
        EXPECT_EQ(++in->writers + in->readers, 1);
        auto slept = co_await sleep_for(10us);
        --in->writers;
        ++in->writes;
        EXPECT_TRUE(slept);
    }
    co_return result<void>();
}

DRAMA_SIM_TEST(LockScenario, SharedMutexKeepsWritersAlone) {
    auto& in = world.keep<library>();
    const int times = static_cast<int>(world.capacity(5));
    const int crowd = static_cast<int>(world.capacity(3));
    for (int i = 0; i != crowd; ++i) {
        world.start_as("node", "readers", read_catalogue, &in, times);
        world.start_as("node", "writers", write_catalogue, &in, times);
    }
    world.finally([&in, times, crowd] {
        EXPECT_EQ(in.reads, times * crowd);
        EXPECT_EQ(in.writes, times * crowd);
    });
}

struct tools {
    explicit tools(std::size_t count) : all(count), free(count) {}
    std::size_t all;
    semaphore free;
    std::size_t in_use = 0;
    std::size_t jobs = 0;
};

task<result<void>> use_tools(tools* from, std::size_t wanted, int times) {
    for (int i = 0; i != times; ++i) {
        DRAMA_CO_TRY(auto taken, co_await from->free.acquire(wanted));
        from->in_use += wanted;
        EXPECT_LE(from->in_use, from->all);
        auto slept = co_await sleep_for(25us);
        from->in_use -= wanted;
        ++from->jobs;
        EXPECT_TRUE(slept);
    }
    co_return result<void>();
}

DRAMA_SIM_TEST(LockScenario, SemaphoreNeverLendsMoreThanItHas) {
    const std::size_t count = world.capacity(4);
    auto& from = world.keep<tools>(count);
    const std::size_t tasks = 1 + world.capacity(4);
    for (std::size_t i = 0; i != tasks; ++i) {
        world.start_as("node", tenant_name(i), use_tools, &from, 1 + i % count, 3);
    }
    world.finally([&from, tasks] {
        EXPECT_EQ(from.jobs, 3 * tasks);
        EXPECT_EQ(from.free.available(), from.all);
    });
}

struct shelf {
    mutex door;
    condition changed;
    int items = 0;
    int taken = 0;
    std::size_t room = 1;
};

task<result<void>> put_items(shelf* on, int count) {
    for (int i = 0; i != count; ++i) {
        DRAMA_CO_TRY(auto guard, co_await on->door.lock());
        while (on->items == static_cast<int>(on->room)) {
            auto waited = co_await on->changed.wait(guard);
            if (!waited) {
                co_return waited;
            }
        }
        ++on->items;
        on->changed.notify_all();
    }
    co_return result<void>();
}

task<result<void>> take_items(shelf* on, int count) {
    for (int i = 0; i != count; ++i) {
        DRAMA_CO_TRY(auto guard, co_await on->door.lock());
        while (on->items == 0) {
            auto waited = co_await on->changed.wait(guard);
            if (!waited) {
                co_return waited;
            }
        }
        --on->items;
        ++on->taken;
        on->changed.notify_all();
    }
    co_return result<void>();
}

DRAMA_SIM_TEST(LockScenario, ConditionWakesWhoeverCanGoOn) {
    auto& on = world.keep<shelf>();
    on.room = world.capacity(3);
    const int each = static_cast<int>(world.capacity(5));
    const int crowd = static_cast<int>(world.capacity(3));
    for (int i = 0; i != crowd; ++i) {
        world.start_as("node", "givers", put_items, &on, each);
        world.start_as("node", "takers", take_items, &on, each);
    }
    world.always([&on] { return on.items >= 0 && on.items <= static_cast<int>(on.room); });
    world.finally([&on, each, crowd] { EXPECT_EQ(on.taken, each * crowd); });
}

}  // namespace
}  // namespace drama
