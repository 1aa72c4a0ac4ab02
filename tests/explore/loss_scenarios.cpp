// SPDX-License-Identifier: Apache-2.0
// Small worlds in which something is lost for good: the power, datagrams, names, threads. What was
// promised before is kept.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "drama/coro/context.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/fault/unruly_tenant.hpp"
#include "drama/fs/directory.hpp"
#include "drama/fs/file.hpp"
#include "drama/net/resolve.hpp"
#include "drama/net/udp_socket.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/sim/explore/sim_test.hpp"

namespace drama {
namespace {

// The power.

struct promises {
    std::map<std::string, std::string> kept;  // by path; synced, and so is the directory
    bool is_cut = false;
};

task<result<void>> keep_one(promises* all, std::string path, std::string text) {
    open_options options;
    options.access = file_access::read_write;
    options.create = true;
    DRAMA_CO_TRY(auto opened, co_await file::open(path, options));
    auto writing = opened.write_all_at(0, std::as_bytes(std::span(text)));
    auto wrote = co_await std::move(writing);
    if (!wrote) {
        co_return wrote;
    }
    auto synced = co_await opened.sync();
    if (!synced) {
        co_return synced;
    }
    auto syncing = sync_directory("/");
    auto listed = co_await std::move(syncing);
    if (listed) {
        all->kept[path] = text;
    }
    co_return listed;
}

task<void> keep_promises(promises* all, int number, int times) {
    for (int i = 0; i != times && !all->is_cut; ++i) {
        const std::string name = std::to_string(number) + '-' + std::to_string(i);
        const std::string text(300 + 400 * static_cast<std::size_t>(i), static_cast<char>('a' + i));
        auto kept = co_await keep_one(all, "/promise" + name, text);
        if (!kept) {
            co_return;  // the machine is gone
        }
    }
}

DRAMA_SIM_TEST(LossScenario, WhatWasSyncedOutlivesAPowerCut) {
    auto& all = world.keep<promises>();
    world.survives({fault_kind::torn_write, fault_kind::unsynced_lost,
                    fault_kind::length_without_data, fault_kind::entry_lost});
    sim_disk& disk = world.disk("node");
    disk.on_crash([&all] { all.is_cut = true; });
    disk.crash_at(1 + world.random().below(40));
    const int writers = static_cast<int>(world.capacity(3));
    for (int i = 0; i != writers; ++i) {
        world.start_as("node", "tenant " + std::to_string(i), keep_promises, &all, i, 4);
    }
    world.finally([&world, &all, &disk] {
        EXPECT_TRUE(all.is_cut || world.faults().kinds_fired() != 0 || !all.kept.empty());
        disk.crash_at(0);  // what has not come by now does not come
        for (const auto& [path, text] : all.kept) {
            EXPECT_EQ(disk.content(path), text) << path;
        }
    });
}

// Datagrams and names.

constexpr std::uint16_t port = 5353;

struct post_office {
    int sent = 0;
    int came = 0;
    int found = 0;
    int not_found = 0;
    int senders = 0;
};

task<result<void>> receive_letters(post_office* at) {
    endpoint where("office", port);
    auto binding = udp_socket::bind(std::move(where));
    DRAMA_CO_TRY(auto socket, co_await std::move(binding));
    for (;;) {
        std::array<std::byte, 64> letter;
        auto got = co_await socket.receive_from(letter);
        if (!got) {
            co_return result<void>();
        }
        ++at->came;
    }
}

task<result<void>> send_letters(post_office* at, int count) {
    for (int i = 0; i != count; ++i) {
        auto looking = resolve("office", "5353", SOCK_DGRAM);
        auto known = co_await std::move(looking);
        ++(known ? at->found : at->not_found);
        endpoint where("office", port);
        auto connecting = udp_socket::connect(std::move(where));
        auto socket = co_await std::move(connecting);
        if (!socket) {
            continue;
        }
        const std::array<std::byte, 40> letter{};
        ++at->sent;  // it may come before the sender knows
        auto sent = co_await socket->send(letter);
        static_cast<void>(sent);
        auto slept = co_await sleep_for(200us);
        EXPECT_TRUE(slept);
    }
    co_return result<void>();
}

DRAMA_SIM_TEST(LossScenario, LettersMayGetLostAndNamesBeUnknown) {
    auto& at = world.keep<post_office>();
    world.survives(
        {fault_kind::datagram_mangled, fault_kind::name_lookup, fault_kind::blocking_stalls});
    at.senders = static_cast<int>(world.capacity(3));
    world.serve("office", receive_letters, &at);
    for (int i = 0; i != at.senders; ++i) {
        world.start_as("senders", "sender " + std::to_string(i), send_letters, &at, 4);
    }
    world.always([&at] { return at.came <= 2 * at.sent; });
    world.finally([&at] { EXPECT_EQ(at.found + at.not_found, 4 * at.senders); });
}

// Threads.

int look_up() {
    sim::block(40us);
    return 1;
}

struct answers {
    int given = 0;
    int refused = 0;
};

task<void> ask(answers* all, int times) {
    for (int i = 0; i != times; ++i) {
        auto answer = co_await blocking(look_up);
        ++(answer ? all->given : all->refused);
    }
}

DRAMA_SIM_TEST(LossScenario, APoolOfOneThreadServesEverybody) {
    auto& all = world.keep<answers>();
    // Pools are made with the node.
    world.faults().add(
        {.kind = fault_kind::pool_at_cap, .value = static_cast<std::int64_t>(world.capacity(2))});
    const int askers = static_cast<int>(world.capacity(5));
    for (int i = 0; i != askers; ++i) {
        world.start_as("node", "tenant " + std::to_string(i % 3), ask, &all, 4);
    }
    world.finally([&all, askers] {
        EXPECT_EQ(all.given, 4 * askers);
        EXPECT_EQ(all.refused, 0);
    });
}

// The end.

task<void> resist() {
    const auto in = this_runtime();
    unruly_options how;
    how.rounds = 1'000;
    auto unruly = unruly_tenant(in, in.tenant("unruly"), how);
    co_await std::move(unruly);
}

task<void> live_on() {
    auto slept = co_await sleep_for(20ms);
    EXPECT_TRUE(slept);
}

DRAMA_SIM_TEST(LossScenario, WhoResistsTheStopIsOutlasted) {
    world.survives({fault_kind::tenant_ignores_stop, fault_kind::tenant_fills_shutdown});
    const std::size_t crowd = world.capacity(2);
    for (std::size_t i = 0; i != crowd; ++i) {
        world.serve("node", resist);
    }
    world.start_as("node", "quiet", live_on);
}

}  // namespace
}  // namespace drama
