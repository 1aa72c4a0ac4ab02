// SPDX-License-Identifier: Apache-2.0
// An echo server and one client, with a blocking call in between: what takes how long is known to
// the microsecond, and every step of the runtime is in the event hash.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"

namespace drama {
namespace {

constexpr duration one_way = 300us;
constexpr duration look_up_time = 2ms;

int look_up() {
    sim::block(look_up_time);
    return 7;
}

task<result<void>> echo_once() {
    endpoint where("127.0.0.1", 80);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(where)));
    DRAMA_CO_TRY(auto stream, co_await listener.accept());
    std::array<std::byte, 64> buffer;
    DRAMA_CO_TRY(const std::size_t got, co_await stream.read_some(buffer));
    DRAMA_CO_TRY(const int found, co_await blocking(look_up));
    buffer[0] = static_cast<std::byte>(found);
    co_return co_await stream.write_all(std::span<const std::byte>(buffer).first(got));
}

struct answer {
    int value = 0;
    duration took{};
};

task<result<void>> ask(simulation* in, answer* out) {
    endpoint where("127.0.0.1", 80);
    DRAMA_CO_TRY(auto stream, co_await tcp_connect(std::move(where)));
    const instant began = in->now();
    std::array<std::byte, 1> byte{};
    auto sent = co_await stream.write_all(byte);
    if (!sent) {
        co_return sent;
    }
    DRAMA_CO_TRY(const std::size_t got, co_await stream.read_some(byte));
    out->value = got == 1 ? static_cast<int>(byte[0]) : -1;
    out->took = in->now() - began;
    co_return result<void>();
}

struct run_result {
    answer got;
    std::uint64_t hash = 0;
};

run_result run(std::uint64_t seed, std::size_t workers) {
    simulation sim(seed);
    sim.network().options().latency = latency_law::fixed(one_way);
    runtime_options options;
    options.workers = workers;
    options.log = [](const std::string&) {};
    runtime rt(sim.world(), options);
    sim.watch(rt);
    run_result out;
    EXPECT_TRUE(rt.start());
    EXPECT_EQ(rt.io_name(), "simulated");
    const tenant server = rt.tenants().get_or_create("server");
    const tenant client = rt.tenants().get_or_create("client");
    EXPECT_TRUE(rt.try_spawn(server, echo_once));
    sim.run_for(1ms);
    EXPECT_TRUE(rt.try_spawn(client, ask, &sim, &out.got));
    EXPECT_TRUE(sim.run_to_end()) << sim.replay();
    EXPECT_TRUE(rt.stop());
    EXPECT_EQ(sim.leftovers(), "") << sim.replay();
    out.hash = sim.event_hash();
    return out;
}

TEST(Echo, TakesTwoLatenciesAndTheBlockingCall) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 20; ++seed) {
        const run_result out = run(seed, 2);
        ASSERT_EQ(out.got.value, 7) << replay_line(seed);
        ASSERT_GE(out.got.took, 2 * one_way + look_up_time) << replay_line(seed);
        ASSERT_LE(out.got.took, 2 * one_way + look_up_time + 300us) << replay_line(seed);
    }
}

TEST(Echo, TheHashTellsTheSeedAndTheRuntimeApart) {
    const std::uint64_t seed = seed_or(1);

    const std::uint64_t hash = run(seed, 2).hash;

    EXPECT_EQ(hash, run(seed, 2).hash);
    EXPECT_NE(hash, run(seed + 1, 2).hash);
    EXPECT_NE(hash, run(seed, 3).hash);
}

task<result<void>> waits_for_nobody() {
    endpoint where("127.0.0.1", 80);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(where)));
    DRAMA_CO_TRY(auto stream, co_await listener.accept());
    co_return result<void>();
}

TEST(Echo, ATaskThatWaitsForNobodyIsADeadlockThatStopCanEnd) {
    simulation sim(seed_or(1));
    runtime_options options;
    options.log = [](const std::string&) {};
    runtime rt(sim.world(), options);
    sim.watch(rt);
    ASSERT_TRUE(rt.start());
    ASSERT_TRUE(rt.try_spawn(rt.tenants().system(), waits_for_nobody));

    ::testing::internal::CaptureStderr();
    EXPECT_FALSE(sim.run_to_end());
    const std::string verdict = ::testing::internal::GetCapturedStderr();

    EXPECT_NE(verdict.find("deadlock: external"), std::string::npos) << verdict;
    EXPECT_NE(verdict.find(sim.replay()), std::string::npos) << verdict;
    EXPECT_TRUE(rt.stop());
    EXPECT_EQ(sim.tasks_alive(), 0);
}

task<result<void>> spin_until(const bool* flag) {
    while (!*flag) {
        auto gone_on = co_await yield_now();
        if (!gone_on) {
            co_return gone_on;
        }
    }
    co_return result<void>();
}

task<void> raise_later(bool* flag) {
    auto slept = co_await sleep_for(1ms);
    *flag = slept.has_value();
}

TEST(Echo, ATaskThatYieldsUntilSomethingHappensLetsTimePass) {
    simulation sim(seed_or(1));
    runtime_options options;
    options.workers = 1;
    options.log = [](const std::string&) {};
    runtime rt(sim.world(), options);
    sim.watch(rt);
    ASSERT_TRUE(rt.start());
    bool flag = false;

    ASSERT_TRUE(rt.try_spawn(rt.tenants().system(), spin_until, &flag));
    ASSERT_TRUE(rt.try_spawn(rt.tenants().system(), raise_later, &flag));

    EXPECT_TRUE(sim.run_to_end());
    EXPECT_TRUE(flag);
    EXPECT_TRUE(rt.stop());
}

task<result<void>> bind_for(tcp_listener* owner) {
    endpoint where("127.0.0.1", 80);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(where)));
    *owner = std::move(listener);
    co_return result<void>();
}

TEST(Echo, ARunThatLeavesADescriptorOpenIsAFailure) {
    simulation sim(seed_or(1));
    runtime_options options;
    options.log = [](const std::string&) {};
    runtime rt(sim.world(), options);
    sim.watch(rt);
    ASSERT_TRUE(rt.start());
    std::optional<tcp_listener> owner(std::in_place);
    ASSERT_TRUE(rt.try_spawn(rt.tenants().system(), bind_for, &*owner));

    ::testing::internal::CaptureStderr();
    EXPECT_FALSE(sim.run_to_end());
    const std::string verdict = ::testing::internal::GetCapturedStderr();

    // The listener, and the one that it keeps in reserve.
    EXPECT_NE(verdict.find("leak: 2 descriptors are left"), std::string::npos) << verdict;
    owner.reset();
    EXPECT_EQ(sim.leftovers(), "");
    EXPECT_TRUE(rt.stop());
}

task<result<int>> add(int one, int other) {
    auto slept = co_await sleep_for(1ms);
    co_return slept ? result<int>(one + other) : fail(slept.error());
}

TEST(Echo, TheOwnersSyncWaitAndRunDriveTheWorld) {
    simulation sim(seed_or(1));
    runtime_options options;
    options.log = [](const std::string&) {};
    runtime waited(sim.world(), options);
    runtime ran(sim.world(), options);
    ASSERT_TRUE(waited.start());

    EXPECT_EQ(waited.sync_wait(waited.tenants().system(), add, 1, 2).value_or(0), 3);
    EXPECT_EQ(ran.run(add(3, 4)).value_or(0), 7);

    EXPECT_TRUE(waited.stop());
}

}  // namespace
}  // namespace drama
