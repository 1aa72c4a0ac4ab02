// SPDX-License-Identifier: Apache-2.0
// One tenant floods the only worker: the gates hold back what it causes, and only that. In virtual
// time.
#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"

namespace drama {
namespace {

constexpr int flood_tasks = 400;
constexpr duration poll_cost = 500us;  // 400 of them stand for 200 ms
constexpr duration flood_lasts = 1500ms;
constexpr int clients = 300;

struct observed {
    int accepted = 0;
    int accepted_while_over = 0;
    duration all_accepted_after{};  // since the flood ended
    bool was_over = false;
    bool flooder_refused = false;
    int others_refused = 0;
    int others_admitted = 0;
};

task<void> burn(simulation* in, instant until) {
    while (in->now() < until) {
        sim::spend(poll_cost);
        auto gone_on = co_await yield_now();
        if (!gone_on) {
            co_return;
        }
    }
}

task<result<void>> flood(scope_handle scope, simulation* in, instant until) {
    for (int i = 0; i < flood_tasks; ++i) {
        auto child = scope.spawn(burn, in, until);
        if (!child) {
            co_return fail(child.error());
        }
    }
    co_return result<void>();
}

task<result<void>> accept_all(simulation* in, instant flood_ends, observed* seen) {
    endpoint where("127.0.0.1", 80);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(where)));
    while (seen->accepted < clients) {
        DRAMA_CO_TRY(auto stream, co_await listener.accept());
        ++seen->accepted;
        if (this_runtime().saturation().is_over) {
            ++seen->accepted_while_over;
        }
    }
    seen->all_accepted_after = in->now() - flood_ends;
    co_return result<void>();
}

task<void> connect_once() {
    endpoint where("127.0.0.1", 80);
    auto stream = co_await tcp_connect(std::move(where));
    if (stream) {
        std::array<std::byte, 1> byte{};
        auto ended = co_await stream->read_some(byte);
        static_cast<void>(ended);
    }
}

task<void> nothing() {
    co_return;
}

// Someone with next to no work asks all the time; the flooder asks too.
task<void> ask_the_gate(simulation* in, instant until, observed* seen) {
    const tenant flooder = this_runtime().tenants().get_or_create("flooder");
    const tenant modest = this_runtime().tenants().get_or_create("modest");
    while (in->now() < until) {
        auto slept = co_await sleep_for(5ms);
        if (!slept) {
            co_return;
        }
        seen->was_over = seen->was_over || this_runtime().saturation().is_over;
        const auto root = this_runtime().try_spawn(modest, nothing);
        ++(root ? seen->others_admitted : seen->others_refused);
        const auto more = this_runtime().try_spawn(flooder, nothing);
        if (!more && more.error().reason == refusal_reason::tenant_queue_delay) {
            seen->flooder_refused = true;
        }
    }
}

observed run(std::uint64_t seed) {
    simulation sim(seed);
    runtime_options options;
    options.workers = 1;
    options.log = [](const std::string&) {};
    runtime rt(sim.world(), options);
    sim.watch(rt);
    EXPECT_TRUE(rt.start());
    observed seen;
    const instant ends = sim.now() + flood_lasts;
    EXPECT_TRUE(rt.try_spawn(rt.tenants().get_or_create("server"), accept_all, &sim, ends, &seen));
    sim.run_for(1ms);
    EXPECT_TRUE(rt.try_spawn(
        rt.tenants().get_or_create("flooder"),
        [](simulation* in, instant until) -> task<result<void>> {
            return in_scope(flood, in, until);
        },
        &sim, ends));
    EXPECT_TRUE(rt.try_spawn(rt.tenants().get_or_create("asker"), ask_the_gate, &sim, ends, &seen));
    sim.run_for(400ms);  // the state has turned by now
    for (int i = 0; i < clients; ++i) {
        EXPECT_TRUE(rt.try_spawn(rt.tenants().get_or_create("client"), connect_once));
    }
    EXPECT_TRUE(sim.run_to_end()) << sim.replay();
    EXPECT_TRUE(rt.stop());
    return seen;
}

TEST(Overload, GatesHoldBackTheFlooderAndTrickleAcceptsAndNobodyElse) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 5; ++seed) {
        const observed seen = run(seed);

        ASSERT_TRUE(seen.was_over) << replay_line(seed);
        ASSERT_TRUE(seen.flooder_refused) << replay_line(seed);
        ASSERT_EQ(seen.others_refused, 0) << replay_line(seed);
        ASSERT_GT(seen.others_admitted, 50) << replay_line(seed);
        // One each 10 ms for as long as it is over, and never none; the others soon afterwards.
        ASSERT_GT(seen.accepted_while_over, 70) << replay_line(seed);
        ASSERT_LE(seen.accepted_while_over, 140) << replay_line(seed);
        ASSERT_EQ(seen.accepted, clients) << replay_line(seed);
        ASSERT_LT(seen.all_accepted_after, 400ms) << replay_line(seed);
    }
}

}  // namespace
}  // namespace drama
