// SPDX-License-Identifier: Apache-2.0
// What a runtime says of where its workers' time went, and of who was held back for whom, in
// virtual time: every sum is exact but for what the runtime itself costs.
#include <gtest/gtest.h>

#include <string>

#include "drama/coro/sleep.hpp"
#include "drama/fs/file.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"

namespace drama {
namespace {

struct shape {
    std::size_t workers = 1;
    std::size_t compute_threads = 0;
    std::size_t blocking_threads_max = 64;
};

struct holds_world {
    holds_world(std::uint64_t seed, shape of) : sim(seed), rt(sim.world(), quiet(of)) {
        sim.watch(rt);
        EXPECT_TRUE(rt.start());
    }
    ~holds_world() { EXPECT_TRUE(rt.stop()); }

    static runtime_options quiet(shape of) {
        runtime_options options;
        options.workers = of.workers;
        options.compute_threads = of.compute_threads;
        options.blocking_threads_max = of.blocking_threads_max;
        options.log = [](const std::string&) {};
        return options;
    }
    tenant named(const char* name) { return rt.tenants().get_or_create(name); }
    void run() { ASSERT_TRUE(sim.run_to_end(10s)) << sim.replay(); }

    simulation sim;
    runtime rt;
};

task<void> burn_in_slices(int slices) {
    for (int i = 0; i < slices; ++i) {
        sim::spend(20us);
        auto gone_on = co_await yield_now();
        if (!gone_on) {
            co_return;
        }
    }
}

task<void> sleep_often(int times, duration cost) {
    for (int i = 0; i < times; ++i) {
        auto slept = co_await sleep_for(500us);
        if (!slept) {
            co_return;
        }
        sim::spend(cost);
    }
}

task<void> hog(duration length) {
    sim::spend(length);
    co_return;
}

void compute_for(duration length) {
    sim::spend(length);
}

void block_for(duration length) {
    sim::block(length);
}

task<void> compute_often(int times, duration length) {
    for (int i = 0; i < times; ++i) {
        auto called = co_await compute(compute_for, length);
        if (!called) {
            co_return;
        }
    }
}

task<void> block_often(int times, duration length) {
    for (int i = 0; i < times; ++i) {
        auto called = co_await blocking(block_for, length);
        if (!called) {
            co_return;
        }
    }
}

duration time_of(const usage_counter& counter) {
    return duration(static_cast<std::int64_t>(counter.read()));
}

// Also across a hand-over, and with threads that burn beside the workers.
TEST(Holds, TenantsAndTheRuntimeAndIdlenessAreAllOfTheWorkersTime) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 10; ++seed) {
        holds_world with(seed, {.workers = 2});
        for (int i = 0; i != 3; ++i) {
            ASSERT_TRUE(with.rt.try_spawn(with.named("busy"), burn_in_slices, 100));
        }
        ASSERT_TRUE(with.rt.try_spawn(with.named("sleeper"), sleep_often, 60, 5us));
        ASSERT_TRUE(with.rt.try_spawn(with.named("hog"), hog, 20ms));
        ASSERT_TRUE(with.rt.try_spawn(with.named("heavy"), compute_often, 3, 4ms));
        with.run();

        const runtime_stats seen = with.rt.stats();
        duration charged{};
        with.rt.tenants().for_each([&](const tenant& each) {
            charged += time_of(each.usage().cpu_ns) - time_of(each.usage().burned_ns);
        });
        EXPECT_EQ(seen.hand_overs, 1U) << replay_line(seed);
        EXPECT_GE(charged, 6ms) << replay_line(seed);
        EXPECT_GT(seen.worker_idle, seen.worker_wall / 4) << replay_line(seed);
        const duration sum = charged + seen.worker_own + seen.worker_idle + seen.worker_lost;
        EXPECT_LE(sum, seen.worker_wall * 101 / 100) << replay_line(seed);
        EXPECT_GE(sum, seen.worker_wall * 99 / 100) << replay_line(seed);
        EXPECT_GE(time_of(with.named("heavy").usage().burned_ns), 12ms) << replay_line(seed);
        EXPECT_GE(time_of(with.named("hog").usage().burned_ns), 15ms) << replay_line(seed);
        EXPECT_EQ(with.named("busy").usage().burned_ns.read(), 0U);
    }
}

std::uint64_t held(const tenant& of, queue_id queue, hold_cause why) {
    return of.record().held_in(queue).by_cause[static_cast<std::size_t>(why)];
}

void expect_first_beneficiary(const tenant& of, queue_id queue, const tenant& who,
                              std::uint64_t seed) {
    const hold_figures seen = of.record().held_in(queue);
    EXPECT_EQ(seen.beneficiaries[0].who, &who.record().share()) << replay_line(seed);
    EXPECT_GT(seen.beneficiaries[0].ns, 0U) << replay_line(seed);
}

TEST(Holds, ABusyTenantIsHeldForOneThatComesNowAndThen) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 10; ++seed) {
        holds_world with(seed, {.workers = 1});
        const tenant busy = with.named("busy");
        const tenant guest = with.named("guest");
        ASSERT_TRUE(with.rt.try_spawn(busy, burn_in_slices, 800));
        ASSERT_TRUE(with.rt.try_spawn(busy, burn_in_slices, 800));
        ASSERT_TRUE(with.rt.try_spawn(guest, sleep_often, 40, 30us));
        with.run();

        const std::uint64_t throttled = busy.record().throttled_ns();
        EXPECT_EQ(throttled, held(busy, queue_id::async, hold_cause::ahead_of_share));
        EXPECT_GE(throttled, guest.usage().cpu_ns.read() / 40) << replay_line(seed);
        EXPECT_LE(throttled, 2 * guest.usage().cpu_ns.read()) << replay_line(seed);
        EXPECT_LT(guest.record().throttled_ns(), throttled / 4) << replay_line(seed);
        expect_first_beneficiary(busy, queue_id::async, guest, seed);
    }
}

task<void> look_at(runtime* rt, tenant of, queue_id queue, duration when, hold_figures* seen) {
    auto slept = co_await sleep_for(when);
    EXPECT_TRUE(slept);
    *seen = rt->held_in(of, queue);
}

void sleep_long() {
    sim::spend(100ms);
}

task<void> block_long(int times) {
    for (int i = 0; i < times; ++i) {
        auto done = co_await blocking(sleep_long);
        EXPECT_TRUE(done);
    }
}

TEST(Holds, OneThatLastsIsSeen) {
    holds_world with(seed_or(1), {.workers = 1, .blocking_threads_max = 2});
    const tenant busy = with.named("busy");
    for (int i = 0; i != 4; ++i) {
        ASSERT_TRUE(with.rt.try_spawn(busy, block_long, 1));
    }
    hold_figures seen;
    ASSERT_TRUE(with.rt.try_spawn(with.named("looker"), look_at, &with.rt, busy, queue_id::blocking,
                                  60ms, &seen));
    with.run();

    const auto waits = static_cast<std::size_t>(hold_cause::no_capacity);
    EXPECT_GE(seen.by_cause[waits], std::uint64_t{50'000'000}) << "nothing had started since";
    EXPECT_LE(seen.by_cause[waits], std::uint64_t{61'000'000});
}

TEST(Holds, WhoBurnsIsNamedByThoseWhomAWorkerLeavesForIt) {
    holds_world with(seed_or(1), {.workers = 1});
    const tenant busy = with.named("busy");
    const tenant heavy = with.named("heavy");
    for (int i = 0; i != 4; ++i) {
        ASSERT_TRUE(with.rt.try_spawn(busy, burn_in_slices, 1000));
        ASSERT_TRUE(with.rt.try_spawn(heavy, compute_often, 8, 5ms));
    }
    with.run();

    EXPECT_GT(held(busy, queue_id::async, hold_cause::ahead_of_share), 200'000U);
    expect_first_beneficiary(busy, queue_id::async, heavy, seed_or(1));
}

TEST(Holds, FunctionsAreHeldForTheWorkers) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 10; ++seed) {
        holds_world with(seed, {.workers = 1, .compute_threads = 1});
        const tenant heavy = with.named("heavy");
        const tenant guest = with.named("guest");
        for (int i = 0; i != 3; ++i) {
            ASSERT_TRUE(with.rt.try_spawn(heavy, compute_often, 5, 3ms));
        }
        ASSERT_TRUE(with.rt.try_spawn(guest, sleep_often, 80, 30us));
        with.run();

        EXPECT_GE(held(heavy, queue_id::compute, hold_cause::ahead_of_share),
                  std::uint64_t{20'000'000})
            << replay_line(seed);
        expect_first_beneficiary(heavy, queue_id::compute, guest, seed);
        EXPECT_EQ(guest.record().held_in(queue_id::compute).throttled_ns(), 0U);
    }
}

TEST(Holds, AThreadIsKeptForWhoHasFew) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 10; ++seed) {
        holds_world with(seed, {.workers = 1, .blocking_threads_max = 8});
        const tenant crowd = with.named("crowd");
        const tenant guest = with.named("guest");
        for (int i = 0; i != 32; ++i) {
            ASSERT_TRUE(with.rt.try_spawn(crowd, block_often, 2, 20ms));
        }
        ASSERT_TRUE(with.rt.try_spawn(guest, block_often, 20, 1ms));
        with.run();

        EXPECT_GE(held(crowd, queue_id::blocking, hold_cause::kept_thread),
                  std::uint64_t{100'000'000})
            << replay_line(seed);
        expect_first_beneficiary(crowd, queue_id::blocking, guest, seed);
        EXPECT_EQ(guest.record().held_in(queue_id::blocking).throttled_ns(), 0U)
            << replay_line(seed);
    }
}

task<result<void>> sync_often(std::string path, int times) {
    open_options options;
    options.access = file_access::read_write;
    options.create = true;
    DRAMA_CO_TRY(auto made, co_await file::open(path, options));
    for (int i = 0; i != times; ++i) {
        auto synced = co_await made.sync();
        if (!synced) {
            co_return synced;
        }
    }
    co_return result<void>();
}

TEST(Holds, TheDiskHoldsWhoHasMuchInIt) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 10; ++seed) {
        holds_world with(seed, {.workers = 1});
        with.sim.disk().options().transfer = latency_law::fixed(100us);
        with.sim.disk().options().sync = latency_law::heavy_tail(700us, 3ms);
        const tenant crowd = with.named("crowd");
        const tenant guest = with.named("guest");
        for (int i = 0; i != 32; ++i) {
            ASSERT_TRUE(with.rt.try_spawn(crowd, sync_often, "/tmp/crowd", 20));
        }
        ASSERT_TRUE(with.rt.try_spawn(guest, sync_often, "/tmp/guest", 40));
        with.run();

        EXPECT_GE(held(crowd, queue_id::disk, hold_cause::ahead_of_share),
                  std::uint64_t{10'000'000})
            << replay_line(seed);
        expect_first_beneficiary(crowd, queue_id::disk, guest, seed);
        EXPECT_EQ(guest.record().held_in(queue_id::disk).throttled_ns(), 0U) << replay_line(seed);
    }
}

// While it waits, a tenant can be asked since when, and what it is owed.
TEST(Holds, TellsWhatIsOwedAndSinceWhenWhileWorkWaits) {
    holds_world with(seed_or(1), {.workers = 1, .compute_threads = 1});
    const tenant crowd = with.named("crowd");
    const tenant guest = with.named("guest");
    EXPECT_EQ(with.rt.lag_of(guest, queue_id::compute), 0ns);
    for (int i = 0; i != 4; ++i) {
        ASSERT_TRUE(with.rt.try_spawn(crowd, compute_often, 1, 50ms));
    }
    with.sim.run_for(10ms);
    for (int i = 0; i != 4; ++i) {
        ASSERT_TRUE(with.rt.try_spawn(guest, compute_often, 1, 50ms));
    }
    with.sim.run_for(20ms);

    EXPECT_GT(with.rt.oldest_wait_of(guest, queue_id::compute), 19ms);
    EXPECT_LE(with.rt.oldest_wait_of(guest, queue_id::compute), 20ms);
    EXPECT_EQ(with.rt.oldest_wait_of(guest, queue_id::async), 0ns);
    EXPECT_GT(with.rt.lag_of(guest, queue_id::compute), 2ms);
    EXPECT_LT(with.rt.lag_of(crowd, queue_id::compute) + 5ms,
              with.rt.lag_of(guest, queue_id::compute))
        << "it had all the time";
    with.run();
    EXPECT_EQ(with.rt.oldest_wait_of(guest, queue_id::compute), 0ns);
    EXPECT_EQ(with.rt.lag_of(guest, queue_id::compute), 0ns);
}

}  // namespace
}  // namespace drama
