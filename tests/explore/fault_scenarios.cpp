// SPDX-License-Identifier: Apache-2.0
// Small worlds in which everything of one family breaks: whoever is told copes with it, nobody else
// notices, nothing hangs and nothing is left over.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <new>
#include <span>
#include <string>
#include <utility>

#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/fault/fault_plan.hpp"
#include "drama/fault/unruly_tenant.hpp"
#include "drama/fs/directory.hpp"
#include "drama/fs/file.hpp"
#include "drama/net/pooled_buffer.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/wall_now.hpp"
#include "drama/sim/explore/sim_test.hpp"
#include "drama/sync/channel.hpp"
#include "drama/sync/mutex.hpp"

namespace drama {
namespace {

struct outcomes {
    int went_well = 0;
    int failed = 0;
    int ticks = 0;
    int inside = 0;
    int steps_back = 0;
    mutex door;
    channel<int> line{2};

    void count(bool well) { ++(well ? went_well : failed); }
};

// Disk.

task<result<void>> keep_record(outcomes* all, std::string path) {
    open_options options;
    options.access = file_access::read_write;
    options.create = true;
    DRAMA_CO_TRY(auto opened, co_await file::open(path, options));
    const std::string text(700, 'r');
    auto writing = opened.write_all_at(0, std::as_bytes(std::span(text)));
    auto wrote = co_await std::move(writing);
    auto synced = co_await opened.sync();
    std::array<std::byte, 900> space;
    auto got = co_await opened.read_at(0, space);
    auto moved = co_await rename_file(path, path + ".old");
    auto closing = opened.close();
    co_await std::move(closing);
    all->count(wrote && synced && got && moved);
    co_return result<void>();
}

task<void> keep_records(outcomes* all, std::string path, int times) {
    for (int i = 0; i != times; ++i) {
        auto kept = co_await keep_record(all, path);
        all->failed += kept ? 0 : 1;
    }
}

DRAMA_SIM_TEST(FaultScenario, ADiskThatFailsTellsItsCallers) {
    auto& all = world.keep<outcomes>();
    world.survives_family("disk");
    const int writers = static_cast<int>(world.capacity(3));
    for (int i = 0; i != writers; ++i) {
        world.start_as("node", "tenant " + std::to_string(i), keep_records, &all,
                       "/record" + std::to_string(i), 2);
    }
    world.finally([&world, &all, writers] {
        EXPECT_EQ(all.went_well + all.failed, 2 * writers);
        EXPECT_TRUE(world.faults().kinds_fired() != 0 || all.failed == 0);
    });
}

// Threads, memory, time.

int look_up(duration cost) {
    sim::block(cost);
    return 1;
}

int pack(duration cost) {
    sim::spend(cost);
    return 1;
}

task<void> hold_the_door(outcomes* all) {
    auto guard = co_await all->door.lock();
    if (!guard) {
        co_return;
    }
    EXPECT_EQ(++all->inside, 1);
    auto slept = co_await sleep_for(20us);
    --all->inside;
    all->count(slept.has_value());
}

task<result<void>> do_everything(scope_handle children, outcomes* all) {
    for (int i = 0; i != 3; ++i) {
        auto child = children.spawn(hold_the_door, all);
        all->count(child.has_value());
    }
    auto found = co_await blocking(look_up, duration(100us));
    auto packed = co_await compute(pack, duration(80us));
    all->count(found && packed);
    const pooled_buffer buffer;
    all->count(buffer.span().size() > 0);
    auto holding = hold_the_door(all);
    auto held = co_await with_deadline(150us, std::move(holding));
    all->count(held.has_value());
    co_return result<void>();
}

task<void> try_everything(outcomes* all, int times) {
    for (int i = 0; i != times; ++i) {
        try {
            auto done = co_await in_scope(do_everything, all);
            all->count(done.has_value());
        } catch (const std::bad_alloc&) {
            ++all->failed;
        }
    }
}

task<void> tick(outcomes* all, int times) {
    wall_instant before = wall_now();
    for (int i = 0; i != times; ++i) {
        auto slept = co_await sleep_for(300us);
        all->ticks += slept ? 1 : 0;
        const wall_instant now = wall_now();  // it may have stepped back: timers go on all the same
        all->steps_back += now < before ? 1 : 0;
        before = now;
    }
}

DRAMA_SIM_TEST(FaultScenario, WithoutThreadsOrMemoryAndLateNothingHangs) {
    auto& all = world.keep<outcomes>();
    world.survives_family("threads");
    world.survives_family("time");
    world.survives_stops();
    const int tasks = static_cast<int>(world.capacity(3));
    for (int i = 0; i != tasks; ++i) {
        world.start_as("node", "tenant " + std::to_string(i), try_everything, &all, 2);
    }
    world.start_as("node", "ticking", tick, &all, 6);
    world.always([&all] { return all.inside <= 1; });
    world.finally([&all, &world] {
        return all.steps_back == 0 || world.faults().fired(fault_kind::wall_clock_back) != 0;
    });
}

// A tenant that misbehaves.

task<void> behave_badly() {
    unruly_options how;
    how.rounds = 3;
    const auto in = this_runtime();
    auto unruly = unruly_tenant(in, in.tenant("unruly"), how);
    co_await std::move(unruly);
}

DRAMA_SIM_TEST(FaultScenario, AnUnrulyTenantHurtsItself) {
    auto& all = world.keep<outcomes>();
    world.survives_family("tenant");
    world.survives({fault_kind::callback_throws, fault_kind::destructor_posts});
    world.start_as("node", "unruly", behave_badly);
    world.start_as("node", "victim", tick, &all, 20);
    world.finally([&all] { EXPECT_EQ(all.ticks, 20); });
}

// Points of one's own.

task<result<void>> load_or_make(outcomes* all, int times) {
    for (int i = 0; i != times; ++i) {
        if (fault_point("cache.load")) {
            ++all->failed;
        } else {
            ++all->went_well;
        }
        auto pushed = co_await all->line.push(i);
        if (!pushed) {
            co_return pushed;
        }
    }
    co_return result<void>();
}

task<void> take(outcomes* all, int times) {
    for (int i = 0; i != times; ++i) {
        auto next = co_await all->line.pop();
        all->ticks += next ? 1 : 0;
    }
}

DRAMA_SIM_TEST(FaultScenario, PointsOfOnesOwnFailWithoutConsequence) {
    auto& all = world.keep<outcomes>();
    world.survives({fault_kind::user});
    const int times = static_cast<int>(world.capacity(10));
    world.start_as("node", "loading", load_or_make, &all, times);
    world.start_as("node", "taking", take, &all, times);
    world.finally([&all, times] {
        EXPECT_EQ(all.ticks, times);
        EXPECT_EQ(all.went_well + all.failed, times);
    });
}

// Network.

constexpr std::uint16_t port = 8080;

task<void> echo(tcp_stream stream) {
    std::array<std::byte, 64> buffer;
    for (;;) {
        auto got = co_await stream.read_some(buffer);
        if (!got || *got == 0) {
            co_return;
        }
        auto sent = co_await stream.write_all(std::span<const std::byte>(buffer).first(*got));
        if (!sent) {
            co_return;
        }
    }
}

task<result<void>> accept_all(scope_handle connections) {
    endpoint where("server", port);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(where)));
    for (;;) {
        auto stream = co_await listener.accept();
        if (!stream) {
            auto slept = co_await sleep_for(1ms);
            if (!slept) {
                co_return slept;
            }
            continue;
        }
        auto child = connections.spawn(echo, *std::move(stream));
        static_cast<void>(child);
    }
}

task<result<void>> echo_server() {
    co_return co_await in_scope(accept_all);
}

task<result<void>> converse(outcomes* all) {
    endpoint where("server", port);
    DRAMA_CO_TRY(auto stream, co_await tcp_connect(std::move(where)));
    std::array<char, 12> message;
    message.fill('m');
    for (int i = 0; i != 3; ++i) {
        auto sent = co_await stream.write_all(std::as_bytes(std::span(message)));
        if (!sent) {
            co_return sent;
        }
        std::array<std::byte, 12> answer;
        for (std::size_t have = 0; have != answer.size();) {
            DRAMA_CO_TRY(const std::size_t got,
                         co_await stream.read_some(std::span(answer).subspan(have)));
            if (got == 0) {
                co_return fail(errc::end_of_stream);
            }
            have += got;
        }
        ++all->ticks;
    }
    co_return result<void>();
}

task<void> converse_patiently(outcomes* all) {
    for (int i = 0; i != 3; ++i) {
        auto talk = converse(all);
        auto done = co_await with_deadline(3s, std::move(talk));
        all->count(done.has_value());
        if (done) {
            co_return;
        }
        auto slept = co_await sleep_for(10ms);
        if (!slept) {
            co_return;
        }
    }
}

DRAMA_SIM_TEST(FaultScenario, ANetworkThatFailsHangsNobody) {
    auto& all = world.keep<outcomes>();
    world.survives_family("network");
    const int clients = static_cast<int>(world.capacity(3));
    world.serve("server", echo_server);
    for (int i = 0; i != clients; ++i) {
        world.start_as("clients", "client " + std::to_string(i), converse_patiently, &all);
    }
    world.finally([&world, &all, clients] {
        EXPECT_GE(all.went_well + all.failed, clients);
        EXPECT_TRUE(world.faults().kinds_fired() != 0 || all.went_well >= clients);
    });
}

}  // namespace
}  // namespace drama
