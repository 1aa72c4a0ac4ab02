// SPDX-License-Identifier: Apache-2.0
// The disk queue of a whole runtime, in virtual time: a small tenant next to one with a long queue,
// deadlines and the end of the runtime while operations wait.
#include <gtest/gtest.h>

#include <cerrno>
#include <span>
#include <string>
#include <vector>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/fs/file.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"

namespace drama {
namespace {

constexpr duration sync_time = 1ms;
constexpr std::size_t depth = 4;
constexpr int crowd = 64;

task<result<file>> new_file(std::string path) {
    open_options options;
    options.access = file_access::read_write;
    options.create = true;
    co_return co_await file::open(path, options);
}

task<result<void>> sync_often(int times) {
    auto opening = new_file("/tmp/busy");
    DRAMA_CO_TRY(auto made, co_await std::move(opening));
    for (int i = 0; i != times; ++i) {
        auto synced = co_await made.sync();
        if (!synced) {
            co_return synced;
        }
    }
    co_return result<void>();
}

struct seen {
    duration took{};
    std::error_code error;
};

task<result<void>> sync_of(file* from) {
    co_return co_await from->sync();
}

task<result<void>> sync_once(simulation* in, duration longest, seen* into) {
    auto opening = new_file("/tmp/small");
    DRAMA_CO_TRY(auto made, co_await std::move(opening));
    auto slept = co_await sleep_for(5ms);
    if (!slept) {
        co_return slept;
    }
    const instant began = in->now();
    auto syncing = with_deadline(longest, sync_of(&made));
    auto synced = co_await std::move(syncing);
    into->took = in->now() - began;
    into->error = synced ? std::error_code() : synced.error();
    co_return result<void>();
}

runtime_options quiet(policy order) {
    runtime_options options;
    options.workers = 2;
    options.order = order;
    options.disk_depth_max = depth;
    options.log = [](const std::string&) {};
    return options;
}

void fix_disk(simulation& sim) {
    sim.disk().options().transfer = latency_law::fixed(100us);
    sim.disk().options().sync = latency_law::fixed(sync_time);
}

struct run_result {
    seen small;
    std::uint64_t hash = 0;
};

run_result run(std::uint64_t seed, policy order, duration longest) {
    simulation sim(seed);
    fix_disk(sim);
    runtime rt(sim.world(), quiet(order));
    sim.watch(rt);
    run_result found;
    EXPECT_TRUE(rt.start());
    for (int i = 0; i != crowd; ++i) {
        EXPECT_TRUE(rt.try_spawn(rt.tenants().get_or_create("busy"), sync_often, 5));
    }
    EXPECT_TRUE(
        rt.try_spawn(rt.tenants().get_or_create("small"), sync_once, &sim, longest, &found.small));
    EXPECT_TRUE(sim.run_to_end()) << sim.replay();
    EXPECT_TRUE(rt.stop());
    found.hash = sim.event_hash();
    return found;
}

TEST(DiskQueueInARuntime, ASmallTenantWaitsForTheDeviceAndNotForAnothersQueue) {
    for (std::uint64_t seed = seed_or(1); seed != seed_or(1) + 5; ++seed) {
        const run_result fair = run(seed, policy::fair, 1s);
        const run_result fifo = run(seed, policy::fifo, 1s);

        EXPECT_FALSE(fair.small.error);
        EXPECT_LE(fair.small.took, 2 * sync_time + 300us) << "seed " << seed;
        EXPECT_GE(fifo.small.took, (crowd / depth - 2) * sync_time) << "seed " << seed;
    }
}

TEST(DiskQueueInARuntime, TheSameSeedGivesTheSameRun) {
    const std::uint64_t seed = seed_or(1);

    EXPECT_EQ(run(seed, policy::fair, 1s).hash, run(seed, policy::fair, 1s).hash);
}

TEST(DiskQueueInARuntime, ADeadlineEndsTheWaitInTheQueue) {
    const run_result found = run(seed_or(1), policy::fifo, 3ms);

    EXPECT_EQ(found.small.error, make_error_code(errc::deadline_exceeded));
    EXPECT_GE(found.small.took, 3ms);
    EXPECT_LE(found.small.took, 3ms + 300us);
}

TEST(DiskQueueInARuntime, AStopOfTheRuntimeEndsWhatIsQueued) {
    simulation sim(seed_or(1));
    fix_disk(sim);
    runtime rt(sim.world(), quiet(policy::fair));
    sim.watch(rt);
    ASSERT_TRUE(rt.start());
    std::vector<join_handle<result<void>>> handles;
    for (int i = 0; i != crowd; ++i) {
        auto spawned = rt.try_spawn(rt.tenants().get_or_create("busy"), sync_often, 1000);
        ASSERT_TRUE(spawned);
        handles.push_back(*std::move(spawned));
    }
    sim.run_for(20ms);
    EXPECT_GT(rt.stats().disk_queued, std::size_t{crowd / 2});
    EXPECT_EQ(rt.stats().disk_in_flight, depth);
    const instant began = sim.now();

    EXPECT_TRUE(rt.stop());

    EXPECT_LE(sim.now() - began, 10 * sync_time);
    EXPECT_EQ(rt.stats().disk_queued, 0U);
    EXPECT_EQ(rt.stats().disk_in_flight, 0U);
    for (auto& each : handles) {
        EXPECT_TRUE(each.is_done());
    }
}

task<result<void>> write_some(const char* path) {
    auto opening = new_file(path);
    DRAMA_CO_TRY(auto made, co_await std::move(opening));
    const std::string text(3'000, 'x');
    auto writing = made.write_all_at(0, std::as_bytes(std::span(text)));
    co_return co_await std::move(writing);
}

TEST(DiskFaults, WritingAllGoesOnAfterShortWritesAndGivesUpWhereNothingIsTaken) {
    simulation sim(seed_or(1));
    runtime rt(sim.world(), quiet(policy::fair));
    sim.faults().add({.kind = fault_kind::disk_short_transfer, .value = 700});
    EXPECT_TRUE(rt.run(write_some("/tmp/short")));
    EXPECT_EQ(sim.disk().content("/tmp/short"), std::string(3'000, 'x'));

    sim.faults().clear();
    sim.faults().add({.kind = fault_kind::disk_short_transfer, .value = 0});
    runtime other(sim.world(), quiet(policy::fair));
    const auto written = other.run(write_some("/tmp/nothing"));
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error(), errno_code(EIO));
}

}  // namespace
}  // namespace drama
