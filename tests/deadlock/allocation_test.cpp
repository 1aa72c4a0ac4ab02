// SPDX-License-Identifier: Apache-2.0
// D15: the k-th allocation of a run fails, for every k, once or from then on, in a program that
// uses every operation: no hang, no leak, and whoever asked is told.
#include <gtest/gtest.h>

#include <array>
#include <new>
#include <span>
#include <string>
#include <utility>

#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/fs/file.hpp"
#include "drama/net/pooled_buffer.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/spawn.hpp"
#include "drama/sim/carrier_threads.hpp"
#include "drama/sim/simulation.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/event.hpp"
#include "drama/sync/mutex.hpp"
#include "drama/sync/oneshot.hpp"
#include "drama/sync/semaphore.hpp"

namespace drama::deadlock {
namespace {

struct state {
    mutex lock;
    semaphore permits{1};
    channel<int> line{1};
    event given;
    int tried = 0;
    int failed = 0;
};

task<result<void>> nothing() {
    co_return result<void>();
}

task<result<void>> child_of_a_scope(scope_handle scope) {
    auto child = scope.spawn(nothing);
    if (!child) {
        co_return fail(child.error().code());
    }
    auto joined = co_await std::move(*child).join();
    co_return joined;
}

task<result<void>> spawns(state*) {
    co_return co_await in_scope(child_of_a_scope);
}

task<result<void>> joins_all(state*) {
    auto both = co_await when_all(nothing(), nothing());
    co_return both ? result<void>() : fail(both.error());
}

task<result<void>> takes_any(state*) {
    auto first = co_await when_any(nothing(), nothing());
    co_return first ? result<void>() : fail(first.error());
}

task<result<void>> is_in_time(state*) {
    co_return co_await with_deadline(1ms, nothing());
}

task<result<void>> tries_again(state*) {
    backoff schedule;
    schedule.first = 10us;
    schedule.limit = 2;
    co_return co_await retry(schedule, nothing);
}

task<result<void>> pays_for_another(state*) {
    auto other = this_runtime().tenant("other");
    co_return co_await as_tenant(other, nothing);
}

task<result<void>> spawns_a_root(state*) {
    auto other = this_runtime().tenant("other");
    auto root = co_await spawn(other, nothing);
    if (!root) {
        co_return fail(root.error().code());
    }
    auto joined = co_await root->join();
    co_return joined;
}

int one() {
    return 1;
}

task<result<void>> blocks(state*) {
    auto got = co_await blocking(one);
    co_return got ? result<void>() : fail(got.error());
}

task<result<void>> computes(state*) {
    auto got = co_await compute(one);
    co_return got ? result<void>() : fail(got.error());
}

task<result<void>> locks(state* in) {
    DRAMA_CO_TRY(auto held, co_await in->lock.lock(1ms));
    DRAMA_CO_TRY(auto permit, co_await in->permits.acquire(1, 1ms));
    in->given.set();
    co_return co_await in->given.wait();
}

task<result<void>> passes_a_value(state* in) {
    auto pushed = co_await in->line.push(1, 1ms);
    if (!pushed) {
        co_return pushed;
    }
    DRAMA_CO_TRY(const int got, co_await in->line.pop(1ms));
    auto [sender, receiver] = oneshot<int>();
    auto sent = sender.send(got);
    if (!sent) {
        co_return sent;
    }
    auto received = co_await receiver.receive();
    co_return received ? result<void>() : fail(received.error());
}

task<result<void>> echo_once(tcp_listener* listener) {
    DRAMA_CO_TRY(auto stream, co_await listener->accept());
    std::array<std::byte, 8> bytes;
    DRAMA_CO_TRY(const std::size_t got, co_await stream.read_some(bytes));
    co_return co_await stream.write_all(std::span<const std::byte>(bytes).first(got));
}

task<result<void>> call_once(std::uint16_t port) {
    endpoint where("127.0.0.1", port);
    DRAMA_CO_TRY(auto stream, co_await tcp_connect(std::move(where)));
    std::array<std::byte, 8> bytes{};
    auto sent = co_await stream.write_all(bytes);
    if (!sent) {
        co_return sent;
    }
    DRAMA_CO_TRY(const std::size_t got, co_await stream.read_some(bytes));
    co_return got == 0 ? fail(errc::end_of_stream) : result<void>();
}

task<result<void>> talks(state*) {
    endpoint anywhere("127.0.0.1", 80);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(anywhere)));
    auto both = co_await when_all(echo_once(&listener), call_once(80));
    co_return both ? result<void>() : fail(both.error());
}

task<result<void>> keeps(state*) {
    open_options how;
    how.access = file_access::read_write;
    how.create = true;
    DRAMA_CO_TRY(auto kept, co_await file::open("/kept", how));
    std::array<std::byte, 8> bytes{};
    auto wrote = co_await kept.write_all_at(0, bytes);
    if (!wrote) {
        co_return wrote;
    }
    co_return co_await kept.sync();
}

using operation_body = task<result<void>> (*)(state*);
constexpr operation_body operations[] = {
    spawns,           joins_all,     takes_any, is_in_time, tries_again,
    pays_for_another, spawns_a_root, blocks,    computes,   locks,
    passes_a_value,   talks,         keeps,
};

// Whatever fails, the next one is tried.
task<void> use_everything(state* in) {
    for (const operation_body each : operations) {
        ++in->tried;
        try {
            auto call = each(in);
            auto done = co_await std::move(call);
            in->failed += done ? 0 : 1;
        } catch (const std::bad_alloc&) {
            ++in->failed;
        }
    }
}

struct outcome {
    bool fired = false;
    std::string fault;
};

outcome run_once(std::uint64_t k, bool from_then_on, carrier_threads& carriers) {
    sim_options options;
    options.carriers = &carriers;
    simulation sim(k, options);
    outcome seen;
    {
        state in;
        runtime_options choice;
        choice.workers = 2;
        choice.log = [](const std::string&) {};
        runtime rt(sim.world(), choice);
        sim.watch(rt);
        if (!rt.start() || !rt.try_spawn(rt.tenants().get_or_create("all"), use_everything, &in)) {
            seen.fault = "nothing started";
            return seen;
        }
        sim.world().faults().add(
            {.kind = fault_kind::allocation_fails, .when = from_then_on ? from(k) : nth(k)});
        if (const verdict said = sim.run_to_verdict(10min)) {
            seen.fault = said.text();
        }
        seen.fired = sim.world().faults().fired(fault_kind::allocation_fails) != 0;
        if (seen.fault.empty() && in.tried != static_cast<int>(std::size(operations))) {
            seen.fault = "an operation was not tried";
        }
        if (seen.fired && in.failed == 0 && from_then_on) {
            seen.fault = "nobody was told";
        }
        sim.world().faults().clear();
        if (!rt.stop() && seen.fault.empty()) {
            seen.fault = "the runtime does not stop";
        }
        if (seen.fault.empty() && sim.unreturned_frame_bytes() != 0) {
            seen.fault = std::to_string(sim.unreturned_frame_bytes()) + " bytes of frames are left";
        }
    }
    return seen;
}

TEST(AllocationThatFails, IsToldToWhoeverAsksAndLeavesNothingBehind) {
    carrier_threads carriers;
    for (const bool from_then_on : {false, true}) {
        std::uint64_t k = 1;
        for (bool fires = true; fires && k < 1'000; ++k) {
            const outcome seen = run_once(k, from_then_on, carriers);
            ASSERT_EQ(seen.fault, "") << "allocation " << k << (from_then_on ? " and later" : "");
            fires = seen.fired;
        }
        EXPECT_GT(k, 20U) << "there were hardly any allocations";
        EXPECT_LT(k, 1'000U);
    }
}

}  // namespace
}  // namespace drama::deadlock
