// SPDX-License-Identifier: Apache-2.0
// What a tenant's counters say is what its work was declared to cost, and whatever runs is on
// somebody's account. In virtual time, so the bounds are what the runtime itself costs.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include "drama/coro/sleep.hpp"
#include "drama/fs/file.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"

namespace drama {
namespace {

struct usage_world {
    explicit usage_world(std::uint64_t seed, std::size_t workers = 1)
        : sim(seed), rt(sim.world(), quiet(workers)) {
        sim.watch(rt);
        EXPECT_TRUE(rt.start());
    }
    ~usage_world() { EXPECT_TRUE(rt.stop()); }

    static runtime_options quiet(std::size_t workers) {
        runtime_options options;
        options.workers = workers;
        options.log = [](const std::string&) {};
        return options;
    }
    tenant named(const char* name) { return rt.tenants().get_or_create(name); }
    void run() { ASSERT_TRUE(sim.run_to_end(10s)) << sim.replay(); }

    simulation sim;
    runtime rt;
};

duration time_of(const usage_counter& counter) {
    return duration(static_cast<std::int64_t>(counter.read()));
}

/// `declared` and at most `overhead` more.
void expect_about(duration counted, duration declared, duration overhead, std::string what) {
    EXPECT_GE(counted, declared) << what;
    EXPECT_LE(counted, declared + overhead) << what;
}

task<void> burn_in_slices(int slices, duration slice) {
    for (int i = 0; i < slices; ++i) {
        sim::spend(slice);
        auto gone_on = co_await yield_now();
        if (!gone_on) {
            co_return;
        }
    }
}

TEST(Usage, ChargesTheTurnsOfTasksAndTheirWait) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 10; ++seed) {
        usage_world with(seed);
        const tenant one = with.named("one");
        const tenant two = with.named("two");
        ASSERT_TRUE(with.rt.try_spawn(one, burn_in_slices, 100, 20us));
        ASSERT_TRUE(with.rt.try_spawn(two, burn_in_slices, 100, 20us));
        with.run();

        for (const tenant each : {one, two}) {
            const tenant_usage& seen = each.usage();
            expect_about(time_of(seen.cpu_ns), 2ms, 800us, "cpu, " + replay_line(seed));
            EXPECT_GE(seen.polls.read(), 101U);
            EXPECT_GE(seen.turns.read(), 20U);
            EXPECT_EQ(seen.tasks_started.read(), 1U);
            EXPECT_EQ(seen.tasks_ended.read(), 1U);
            EXPECT_EQ(seen.blocking_ns.read(), 0U);
            // One worker: each waits while the other runs.
            expect_about(time_of(seen.queue_wait_ns), 1800us, 600us, "wait, " + replay_line(seed));
        }
    }
}

void compute_for(duration length) {
    sim::spend(length);
}

void block_for(duration length) {
    sim::block(length);
}

task<void> compute_once(duration length) {
    co_await compute(compute_for, length);
}

task<void> block_once(duration length) {
    co_await blocking(block_for, length);
}

TEST(Usage, ChargesComputationsByCpuAndBlockingCallsByThreadTime) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 10; ++seed) {
        usage_world with(seed);
        const tenant heavy = with.named("heavy");
        const tenant waiting = with.named("waiting");
        for (int i = 0; i < 3; ++i) {
            ASSERT_TRUE(with.rt.try_spawn(heavy, compute_once, 4ms));
            ASSERT_TRUE(with.rt.try_spawn(waiting, block_once, 7ms));
        }
        with.run();

        expect_about(time_of(heavy.usage().cpu_ns), 12ms, 200us, "cpu, " + replay_line(seed));
        EXPECT_EQ(heavy.usage().compute_calls.read(), 3U);
        EXPECT_EQ(heavy.usage().blocking_ns.read(), 0U);
        expect_about(time_of(waiting.usage().blocking_ns), 21ms, 500us,
                     "blocking, " + replay_line(seed));
        EXPECT_EQ(waiting.usage().blocking_calls.read(), 3U);
        EXPECT_LE(time_of(waiting.usage().cpu_ns), 200us) << replay_line(seed);
    }
}

task<void> hog(duration length) {
    sim::spend(length);
    co_return;
}

task<void> sleep_often(int times) {
    for (int i = 0; i < times; ++i) {
        auto slept = co_await sleep_for(500us);
        if (!slept) {
            co_return;
        }
    }
}

// The wake-up comes from a blocking thread while the only worker is busy with somebody else.
TEST(Usage, ChargesTheWaitOfTasksThatOtherThreadsWake) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 10; ++seed) {
        usage_world with(seed);
        const tenant woken = with.named("woken");
        ASSERT_TRUE(with.rt.try_spawn(woken, block_once, 300us));
        ASSERT_TRUE(with.rt.try_spawn(with.named("busy"), hog, 900us));
        with.run();

        EXPECT_EQ(with.rt.stats().hand_overs, 0U) << replay_line(seed);
        expect_about(time_of(woken.usage().queue_wait_ns), 450us, 500us,
                     "wait, " + replay_line(seed));
    }
}

// Before and after the hand-over, on whatever thread it runs.
TEST(Usage, ChargesAllThatAHogBurns) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 10; ++seed) {
        usage_world with(seed);
        const tenant noisy = with.named("noisy");
        ASSERT_TRUE(with.rt.try_spawn(with.named("victim"), sleep_often, 60));
        ASSERT_TRUE(with.rt.try_spawn(noisy, hog, 20ms));
        with.run();

        EXPECT_EQ(noisy.usage().hand_overs.read(), 1U) << replay_line(seed);
        expect_about(time_of(noisy.usage().cpu_ns), 20ms, 300us, "cpu, " + replay_line(seed));
        EXPECT_EQ(noisy.usage().turns.read(), 1U) << replay_line(seed);
        EXPECT_EQ(noisy.usage().polls.read(), 1U) << replay_line(seed);
    }
}

task<result<void>> write_and_read(std::string path) {
    open_options options;
    options.access = file_access::read_write;
    options.create = true;
    DRAMA_CO_TRY(auto opened, co_await file::open(path, options));
    std::vector<std::byte> bytes(1000);
    for (int i = 0; i < 3; ++i) {
        DRAMA_CO_TRY(const std::size_t written, co_await opened.write_at(0, bytes));
        EXPECT_EQ(written, 1000U);
    }
    DRAMA_CO_TRY(const std::size_t got, co_await opened.read_at(0, std::span(bytes).first(600)));
    EXPECT_EQ(got, 600U);
    auto missing = co_await file::open("/missing");
    EXPECT_FALSE(missing);
    co_return result<void>();
}

TEST(Usage, ChargesOperationsAndBytesByTheirKind) {
    usage_world with(seed_or(1));
    const tenant writer = with.named("writer");
    ASSERT_TRUE(with.rt.try_spawn(writer, write_and_read, "/f"));
    with.run();

    const auto* const table = writer.record().operations();
    ASSERT_NE(table, nullptr);
    const auto of = [table](op_code code) -> const op_usage& {
        return (*table)[static_cast<std::size_t>(code)];
    };
    EXPECT_EQ(of(op_code::write_at).operations.read(), 3U);
    EXPECT_EQ(of(op_code::write_at).bytes.read(), 3000U);
    EXPECT_EQ(of(op_code::read_at).operations.read(), 1U);
    EXPECT_EQ(of(op_code::read_at).bytes.read(), 600U);
    EXPECT_EQ(of(op_code::open).operations.read(), 2U);
    EXPECT_EQ(of(op_code::open).errors.read(), 1U);
    EXPECT_EQ(of(op_code::open).bytes.read(), 0U) << "a descriptor is no byte";
}

// Sends without waiting until there is no room; `sent` gets how often there was some.
task<result<void>> fill_a_socket(std::uint64_t* sent) {
    endpoint any("127.0.0.1", 0);
    auto binding = tcp_listener::bind(std::move(any));
    DRAMA_CO_TRY(auto listener, co_await std::move(binding));
    DRAMA_CO_TRY(const auto where, listener.local());
    auto connecting = tcp_connect(where);
    DRAMA_CO_TRY(auto stream, co_await std::move(connecting));
    std::vector<std::byte> bytes(10'000);
    for (;;) {
        io_wait trying(op_code::send, work_class::write, std::source_location::current());
        trying.op().fd = stream.fd();
        trying.op().buffer = bytes.data();
        trying.op().length = bytes.size();
        trying.op().flags = MSG_DONTWAIT;
        auto tried = co_await trying;
        if (!tried) {
            EXPECT_EQ(tried.error(), std::errc::resource_unavailable_try_again);
            co_return result<void>();
        }
        ++*sent;
    }
}

TEST(Usage, DoesNotChargeATryInVain) {
    usage_world with(seed_or(1));
    const tenant writer = with.named("writer");
    std::uint64_t sent = 0;
    ASSERT_TRUE(with.rt.try_spawn(writer, fill_a_socket, &sent));
    with.run();

    const auto* const table = writer.record().operations();
    ASSERT_NE(table, nullptr);
    const op_usage& of_send = (*table)[static_cast<std::size_t>(op_code::send)];
    EXPECT_GT(sent, 0U);
    EXPECT_EQ(of_send.operations.read(), sent);
    EXPECT_EQ(of_send.errors.read(), 0U);
}

}  // namespace
}  // namespace drama
