// SPDX-License-Identifier: Apache-2.0
// Small worlds in which waits are given up: by their own timeout, by a deadline around them, by a
// child that throws. Who gave up holds nothing, and nobody else notices.
#include <gtest/gtest.h>

#include <array>
#include <span>
#include <stdexcept>
#include <string>

#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/fs/file.hpp"
#include "drama/runtime/spawn.hpp"
#include "drama/sim/explore/sim_test.hpp"
#include "drama/sync/condition.hpp"
#include "drama/sync/mutex.hpp"
#include "drama/sync/semaphore.hpp"
#include "drama/sync/shared_mutex.hpp"

namespace drama {
namespace {

constexpr duration short_patience = 12us;

struct workshop {
    semaphore tools{2};
    shared_mutex plans;
    mutex door;
    condition called;
    int in_use = 0;
    int readers = 0;
    int writers = 0;
    int calls = 0;
    int done = 0;
    int gave_up = 0;

    void count(bool well) { ++(well ? done : gave_up); }
};

task<void> borrow(workshop* from, int times) {
    for (int i = 0; i != times; ++i) {
        const auto wanted = static_cast<std::size_t>(1 + i % 2);
        auto taken = co_await from->tools.acquire(wanted, short_patience);
        from->count(taken.has_value());
        if (taken) {
            from->in_use += static_cast<int>(wanted);
            EXPECT_LE(from->in_use, 2);
            auto slept = co_await sleep_for(20us);
            EXPECT_TRUE(slept);
            from->in_use -= static_cast<int>(wanted);
        }
    }
}

task<void> look_at_plans(workshop* in, int times) {
    for (int i = 0; i != times; ++i) {
        auto shared = co_await in->plans.lock_shared(short_patience);
        in->count(shared.has_value());
        if (shared) {
            ++in->readers;
            EXPECT_EQ(in->writers, 0);
            auto slept = co_await sleep_for(9us);
            EXPECT_TRUE(slept);
            --in->readers;
        }
    }
}

task<void> change_plans(workshop* in, int times) {
    for (int i = 0; i != times; ++i) {
        auto alone = co_await in->plans.lock(short_patience);
        in->count(alone.has_value());
        if (alone) {
            EXPECT_EQ(++in->writers + in->readers, 1);
            auto slept = co_await sleep_for(15us);
            EXPECT_TRUE(slept);
            --in->writers;
        }
    }
}

task<void> wait_for_call(workshop* in, int times) {
    for (int i = 0; i != times; ++i) {
        auto guard = co_await in->door.lock();
        EXPECT_TRUE(guard);
        if (guard) {
            const int before = in->calls;
            auto waited = co_await in->called.wait(*guard, short_patience);
            EXPECT_TRUE(!waited || in->calls > before);
            in->count(waited.has_value());
        }
    }
}

task<void> call_now_and_then(workshop* in, int times) {
    for (int i = 0; i != times; ++i) {
        auto slept = co_await sleep_for(duration(4us) * (1 + i % 4));
        auto guard = co_await in->door.lock();
        EXPECT_TRUE(slept && guard);
        ++in->calls;
        in->called.notify_one();
    }
}

DRAMA_SIM_TEST(PatienceScenario, WhoGivesUpHoldsNothing) {
    auto& in = world.keep<workshop>();
    const int times = static_cast<int>(world.capacity(5));
    const int crowd = static_cast<int>(world.capacity(3));
    for (int i = 0; i != crowd; ++i) {
        const std::string tenant = "tenant " + std::to_string(i);
        world.start_as("node", tenant, borrow, &in, times);
        world.start_as("node", tenant, look_at_plans, &in, times);
        world.start_as("node", tenant, change_plans, &in, times);
        world.start_as("node", tenant, wait_for_call, &in, times);
    }
    world.start_as("node", "calling", call_now_and_then, &in, times);
    world.finally([&in, times, crowd] {
        EXPECT_EQ(in.done + in.gave_up, 4 * crowd * times);
        EXPECT_TRUE(in.tools.try_acquire(2));
        EXPECT_TRUE(in.plans.try_lock());
        EXPECT_TRUE(in.door.try_lock());
    });
}

struct hall {
    int inside = 0;
    int came = 0;
    int left = 0;
};

task<void> stay(hall* in, duration length) {
    ++in->inside;
    auto slept = co_await sleep_for(length);
    --in->inside;
    in->left += slept ? 1 : 0;  // else it is still there when all hosts have gone, and is stopped
}

task<result<void>> bring_guest(hall* in) {
    auto made = co_await spawn(this_runtime().tenant("guests"), stay, in, duration(40us));
    if (!made) {
        co_return fail(made.error());
    }
    ++in->came;
    auto joined = co_await made->join();
    co_return joined;
}

task<void> bring_guests(hall* in, int times, duration patience) {
    for (int i = 0; i != times; ++i) {
        auto bringing = bring_guest(in);
        auto brought = co_await with_deadline(patience, std::move(bringing));
        EXPECT_TRUE(brought || brought.error() == errc::deadline_exceeded);
    }
}

DRAMA_SIM_TEST(PatienceScenario, WhoTurnsBackAtTheGateTakesNoPlace) {
    auto& in = world.keep<hall>();
    const int limit = static_cast<int>(world.capacity(2));
    const int hosts = static_cast<int>(world.capacity(4));
    tenant payer = world.node("node").tenants().get_or_create("guests");
    payer.set({.limit = {.tasks = static_cast<std::uint64_t>(limit)}});
    for (int i = 0; i != hosts; ++i) {
        const duration patience = i == 0 ? duration(1h) : duration(20us * i);
        world.start_as("node", "host " + std::to_string(i), bring_guests, &in, 3, patience);
    }
    world.always([&in, limit] { return in.inside <= limit; });
    world.finally([&in] { EXPECT_GE(in.came, 3) << "the one with patience comes in"; });
}

task<void> wait_or_throw(hall* in, int number, int thrower) {
    auto slept = co_await sleep_for(duration(5us) * number);
    ++in->left;
    if (number == thrower) {
        throw std::runtime_error("a child throws");
    }
    auto waited = co_await sleep_for(1h);
    in->inside += waited ? 1 : 0;
    static_cast<void>(slept);
}

task<result<void>> start_children(scope_handle children, hall* in, int count, int thrower) {
    for (int i = 0; i != count; ++i) {
        auto child = children.spawn(wait_or_throw, in, i, thrower);
        in->came += child ? 1 : 0;
    }
    co_return result<void>();
}

task<void> survive_children(hall* in, int count, int thrower) {
    bool thrown = false;
    try {
        auto ended = co_await in_scope(start_children, in, count, thrower);
        static_cast<void>(ended);
    } catch (const std::runtime_error&) {
        thrown = true;
    }
    EXPECT_TRUE(thrown);
    EXPECT_EQ(in->left, in->came) << "the scope ends after all its children";
    EXPECT_EQ(in->inside, 0) << "the others were not stopped";
}

DRAMA_SIM_TEST(PatienceScenario, AChildThatThrowsEndsItsSiblings) {
    auto& in = world.keep<hall>();
    const int count = static_cast<int>(world.capacity(5));
    const int thrower = static_cast<int>(world.random().below(static_cast<std::uint64_t>(count)));
    world.start("node", survive_children, &in, count, thrower);
}

task<result<void>> write_and_sync(hall* in, int number) {
    open_options options;
    options.access = file_access::read_write;
    options.create = true;
    const std::string path = "/file" + std::to_string(number % 2);
    DRAMA_CO_TRY(auto opened, co_await file::open(path, options));
    const std::string text(6'000, 't');
    auto writing = opened.write_all_at(0, std::as_bytes(std::span(text)));
    auto wrote = co_await std::move(writing);
    auto synced = co_await opened.sync();
    in->left += wrote && synced ? 1 : 0;
    co_return synced;
}

task<void> write_in_time(hall* in, int number, int times, duration patience) {
    for (int i = 0; i != times; ++i) {
        auto work = write_and_sync(in, number);
        auto done = co_await with_deadline(patience * (1 + i), std::move(work));
        EXPECT_TRUE(done || done.error() == errc::deadline_exceeded);
        ++in->came;
    }
}

DRAMA_SIM_TEST(PatienceScenario, ADeadlineEndsAFileOperationAndTheQueueGoesOn) {
    auto& in = world.keep<hall>();
    const int writers = static_cast<int>(world.capacity(4));
    const int times = static_cast<int>(world.capacity(4));
    for (int i = 0; i != writers; ++i) {
        const duration patience = 20us + 1us * static_cast<int>(world.random().below(400));
        world.start_as("node", "tenant " + std::to_string(i), write_in_time, &in, i, times,
                       i == 0 ? duration(1h) : patience);
    }
    world.finally([&in, writers, times] {
        EXPECT_EQ(in.came, writers * times);
        EXPECT_GE(in.left, times) << "the one with patience is served";
    });
}

}  // namespace
}  // namespace drama
