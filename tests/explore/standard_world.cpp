// SPDX-License-Identifier: Apache-2.0
// The world by which the simulator's speed is stated: two workers, an echo server, three clients,
// one blocking call, one synced write, two tenants, and about a thousand communicating operations.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/fs/file.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/sim/explore/sim_test.hpp"

namespace drama {
namespace {

constexpr std::uint16_t port = 8080;
constexpr int clients = 3;
// A round trip is four operations: two sends and two receives.
constexpr int round_trips = 82;
constexpr std::size_t message_bytes = 64;

struct standard {
    std::uint64_t operations = 0;
    std::uint64_t echoed = 0;
    int looked_up = 0;
    bool synced = false;
};

int look_up(duration cost) {
    sim::block(cost);
    return 1;
}

task<void> echo(standard* all, tcp_stream stream) {
    std::array<std::byte, message_bytes> buffer;
    for (;;) {
        auto got = co_await stream.read_some(buffer);
        ++all->operations;
        if (!got || *got == 0) {
            co_return;
        }
        auto sent = co_await stream.write_all(std::span<const std::byte>(buffer).first(*got));
        ++all->operations;
        if (!sent) {
            co_return;
        }
    }
}

task<result<void>> accept_all(scope_handle connections, standard* all, tcp_listener* listener) {
    for (int number = 0; number != clients; ++number) {
        DRAMA_CO_TRY(auto stream, co_await listener->accept());
        ++all->operations;
        const tenant payer = this_runtime().tenant(number % 2 == 0 ? "one" : "two");
        auto child = connections.spawn(payer, echo, all, std::move(stream));
        EXPECT_TRUE(child);
    }
    co_return result<void>();
}

task<result<void>> client(standard* all) {
    endpoint where("127.0.0.1", port);
    DRAMA_CO_TRY(auto stream, co_await tcp_connect(std::move(where)));
    ++all->operations;
    std::array<std::byte, message_bytes> message{};
    for (int i = 0; i != round_trips; ++i) {
        message.fill(static_cast<std::byte>(i));
        auto sent = co_await stream.write_all(std::span<const std::byte>(message));
        if (!sent) {
            co_return sent;
        }
        std::array<std::byte, message_bytes> answer;
        for (std::size_t have = 0; have != message_bytes;) {
            DRAMA_CO_TRY(const std::size_t got,
                         co_await stream.read_some(std::span(answer).subspan(have)));
            ++all->operations;
            if (got == 0) {
                co_return fail(errc::end_of_stream);
            }
            have += got;
        }
        ++all->operations;
        all->echoed += answer == message ? 1 : 0;
    }
    co_return result<void>();
}

task<result<void>> write_and_sync(standard* all) {
    open_options options;
    options.access = file_access::read_write;
    options.create = true;
    DRAMA_CO_TRY(auto opened, co_await file::open("/record", options));
    const std::string text(500, 'r');
    DRAMA_CO_TRY(const std::size_t wrote,
                 co_await opened.write_at(0, std::as_bytes(std::span(text))));
    auto synced = co_await opened.sync();
    all->operations += 3;
    all->synced = synced && wrote == text.size();
    co_return synced;
}

task<void> call_once(standard* all) {
    auto found = co_await blocking(look_up, duration(1ms));
    ++all->operations;
    all->looked_up = found.value_or(0);
}

task<result<void>> server(standard* all) {
    endpoint where("127.0.0.1", port);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(where)));
    for (int number = 0; number != clients; ++number) {
        const tenant payer = this_runtime().tenant(number % 2 == 0 ? "one" : "two");
        auto made = this_runtime().try_spawn(payer, client, all);
        EXPECT_TRUE(made);
    }
    co_return co_await in_scope(accept_all, all, &listener);
}

DRAMA_SIM_TEST(StandardWorld, EchoesBlocksAndSyncs) {
    auto& all = world.keep<standard>();
    world.net().options().buffer_bytes = 64 * 1024;  // a client sends before it reads
    world.start_as("node", "one", server, &all);
    world.start_as("node", "one", write_and_sync, &all);
    world.start_as("node", "two", call_once, &all);
    world.finally([&all] {
        EXPECT_EQ(all.echoed, static_cast<std::uint64_t>(clients * round_trips));
        EXPECT_EQ(all.looked_up, 1);
        EXPECT_TRUE(all.synced);
        EXPECT_GE(all.operations, 990U);
    });
}

}  // namespace
}  // namespace drama
