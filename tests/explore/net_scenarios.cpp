// SPDX-License-Identifier: Apache-2.0
// Small worlds of servers and clients over the simulated network: what is sent arrives once, in
// order, and both ends learn of the end.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/http/server.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/sim/explore/sim_test.hpp"

namespace drama {
namespace {

constexpr std::uint16_t port = 8080;

struct traffic {
    std::uint64_t sent = 0;
    std::uint64_t echoed = 0;
    std::uint64_t received = 0;
    std::uint64_t wrong = 0;
    int clients = 0;
    int ends_seen = 0;
};

char byte_at(std::uint64_t client, std::uint64_t offset) {
    return static_cast<char>(client * 31 + offset * 7);
}

task<result<tcp_stream>> connect_patiently() {
    for (;;) {
        endpoint where("server", port);
        auto made = co_await tcp_connect(std::move(where));
        if (made || made.error() != std::errc::connection_refused) {
            co_return made;
        }
        auto slept = co_await sleep_for(100us);
        if (!slept) {
            co_return fail(slept.error());
        }
    }
}

task<void> echo(traffic* all, tcp_stream stream) {
    std::array<std::byte, 300> buffer;
    for (;;) {
        auto got = co_await stream.read_some(buffer);
        if (!got || *got == 0) {
            all->ends_seen += got ? 1 : 0;
            co_return;
        }
        auto sent = co_await stream.write_all(std::span<const std::byte>(buffer).first(*got));
        if (!sent) {
            co_return;
        }
        all->echoed += *got;
    }
}

task<result<void>> accept_all(scope_handle connections, traffic* all) {
    endpoint where("server", port);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(std::move(where)));
    for (std::uint64_t number = 0;; ++number) {
        DRAMA_CO_TRY(auto stream, co_await listener.accept());
        const tenant payer = this_runtime().tenant("tenant " + std::to_string(number % 2));
        auto child = connections.spawn(payer, echo, all, std::move(stream));
        EXPECT_TRUE(child || child.error().code() == errc::shutting_down);
    }
}

task<result<void>> echo_server(traffic* all) {
    co_return co_await in_scope(accept_all, all);
}

task<result<void>> send_all(traffic* all, tcp_stream* to, std::uint64_t client,
                            std::uint64_t bytes) {
    std::array<char, 200> block;
    for (std::uint64_t at = 0; at < bytes;) {
        const std::size_t size = std::min<std::uint64_t>(block.size(), bytes - at);
        for (std::size_t i = 0; i != size; ++i) {
            block[i] = byte_at(client, at + i);
        }
        auto sent = co_await to->write_all(std::as_bytes(std::span(block).first(size)));
        if (!sent) {
            co_return sent;
        }
        at += size;
        all->sent += size;
    }
    co_return to->shutdown_write();
}

task<result<void>> receive_all(traffic* all, tcp_stream* from, std::uint64_t client) {
    std::array<std::byte, 90> block;
    std::uint64_t at = 0;
    for (;;) {
        DRAMA_CO_TRY(const std::size_t got, co_await from->read_some(block));
        if (got == 0) {
            co_return result<void>();
        }
        for (std::size_t i = 0; i != got; ++i, ++at) {
            all->wrong += static_cast<char>(block[i]) != byte_at(client, at) ? 1 : 0;
        }
        all->received += got;
    }
}

task<result<void>> client(traffic* all, std::uint64_t number, std::uint64_t bytes) {
    auto connecting = connect_patiently();
    DRAMA_CO_TRY(auto stream, co_await std::move(connecting));
    auto both =
        co_await when_all(send_all(all, &stream, number, bytes), receive_all(all, &stream, number));
    EXPECT_TRUE(both);
    ++all->clients;
    co_return result<void>();
}

DRAMA_SIM_TEST(NetScenario, EveryByteComesBackOnceAndInOrder) {
    auto& all = world.keep<traffic>();
    const std::size_t clients = world.capacity(4);
    const std::uint64_t bytes = 1 + world.random().below(1'500);
    world.serve("server", echo_server, &all);
    for (std::size_t i = 0; i != clients; ++i) {
        world.start_as("clients", "client " + std::to_string(i), client, &all,
                       static_cast<std::uint64_t>(i), bytes);
    }
    world.finally([&all, clients, bytes] {
        EXPECT_EQ(all.received, clients * bytes);
        EXPECT_EQ(all.echoed, clients * bytes);
        EXPECT_EQ(all.wrong, 0U);
        EXPECT_EQ(all.clients, static_cast<int>(clients));
        EXPECT_EQ(all.ends_seen, static_cast<int>(clients));
    });
}

task<result<std::size_t>> read_into(tcp_stream* from, std::span<std::byte> into) {
    co_return co_await from->read_some(into);
}

task<result<void>> read_little(traffic* all, duration patience) {
    auto connecting = connect_patiently();
    DRAMA_CO_TRY(auto stream, co_await std::move(connecting));
    const std::string text(12, 'x');  // fits wherever anything does
    auto sent = co_await stream.write_all(std::as_bytes(std::span(text)));
    if (!sent) {
        co_return sent;
    }
    std::array<std::byte, 8> little;
    auto got = co_await with_deadline(patience, read_into(&stream, little));
    all->received += got.value_or(0);
    ++all->clients;
    co_return result<void>();  // closes with most of it unread
}

DRAMA_SIM_TEST(NetScenario, AClientThatLeavesEarlyHurtsNobodyElse) {
    auto& all = world.keep<traffic>();
    const std::size_t rude = world.capacity(3);
    world.serve("server", echo_server, &all);
    for (std::size_t i = 0; i != rude; ++i) {
        world.start_as("clients", "rude", read_little, &all, duration(50us) * (1 + i * 40));
    }
    world.start_as("clients", "polite", client, &all, std::uint64_t{1}, std::uint64_t{500});
    world.finally([&all, rude] {
        EXPECT_EQ(all.clients, static_cast<int>(rude) + 1);
        EXPECT_EQ(all.wrong, 0U);
    });
}

task<result<void>> connect_to_nobody(traffic* all) {
    endpoint where("127.0.0.1", 9);
    auto made = co_await tcp_connect(std::move(where));
    EXPECT_FALSE(made);
    EXPECT_EQ(made.error(), std::errc::connection_refused);
    ++all->clients;
    co_return result<void>();
}

DRAMA_SIM_TEST(NetScenario, NobodyListensAndItIsSaid) {
    auto& all = world.keep<traffic>();
    const std::size_t clients = world.capacity(3);
    for (std::size_t i = 0; i != clients; ++i) {
        world.start_as("clients", "client " + std::to_string(i), connect_to_nobody, &all);
    }
    world.finally([&all, clients] { EXPECT_EQ(all.clients, static_cast<int>(clients)); });
}

// HTTP.

struct site {
    site() : server({{"GET", "/hello", hello, this}, {"POST", "/add", add, this}}, {}) {}

    static task<result<http_reply>> hello(http_exchange from) {
        static_cast<site*>(from.context)->hellos += 1;
        co_return text_reply(200, "hello");
    }
    static task<result<http_reply>> add(http_exchange from) {
        auto& self = *static_cast<site*>(from.context);
        auto slept = co_await sleep_for(30us);
        ++self.added;
        co_return slept ? text_reply(200, "added") : text_reply(503, "stopped");
    }

    http_server server;
    int hellos = 0;
    int added = 0;
    int answered = 0;
};

task<result<void>> run_site(site* at) {
    endpoint where("server", port);
    auto binding = at->server.bind(std::move(where));
    auto bound = co_await std::move(binding);
    if (!bound) {
        co_return bound;
    }
    auto serving = at->server.serve();
    co_return co_await std::move(serving);
}

int count_of(const std::string& text, std::string_view what) {
    int count = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
        ++count;
    }
    return count;
}

task<result<void>> browse(site* at, int requests, bool posts, bool in_one_piece) {
    auto connecting = connect_patiently();
    DRAMA_CO_TRY(auto stream, co_await std::move(connecting));
    std::string text;
    for (int i = 1; i <= requests; ++i) {
        text += posts ? "POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                      : "GET /hello HTTP/1.1\r\nHost: a\r\n";
        text += i == requests ? "Connection: close\r\n" : "Drama-Tenant: someone\r\n";
        text += posts ? "\r\nabc" : "\r\n";
    }
    const std::size_t piece = in_one_piece ? text.size() : 7;
    for (std::size_t from = 0; from < text.size(); from += piece) {
        const std::string_view part = std::string_view(text).substr(from, piece);
        auto sent = co_await stream.write_all(std::as_bytes(std::span(part)));
        if (!sent) {
            co_return sent;
        }
    }
    std::string answer;
    std::array<char, 128> space;
    for (;;) {
        auto got = co_await stream.read_some(std::as_writable_bytes(std::span(space)));
        if (!got || *got == 0) {
            break;
        }
        answer.append(space.data(), *got);
    }
    EXPECT_EQ(count_of(answer, "HTTP/1.1 200"), requests) << answer;
    at->answered += requests;
    co_return result<void>();
}

DRAMA_SIM_TEST(NetScenario, HttpAnswersEveryRequestOnce) {
    auto& at = world.keep<site>();
    const int clients = static_cast<int>(world.capacity(3));
    const int requests = static_cast<int>(world.capacity(2));
    // Clients send all before they read: one answer must fit beside the requests.
    world.net().options().buffer_bytes =
        std::max<std::size_t>(world.net().options().buffer_bytes, 2'048);
    world.serve("server", run_site, &at);
    for (int i = 0; i != clients; ++i) {
        world.start_as("clients", "client " + std::to_string(i), browse, &at, requests, false,
                       world.random().below(2) == 0);
    }
    world.finally([&at, clients, requests] {
        EXPECT_EQ(at.hellos, clients * requests);
        EXPECT_EQ(at.answered, clients * requests);
    });
}

DRAMA_SIM_TEST(NetScenario, HttpAppliesEveryPostOnce) {
    auto& at = world.keep<site>();
    const int clients = static_cast<int>(world.capacity(3));
    world.serve("server", run_site, &at);
    for (int i = 0; i != clients; ++i) {
        world.start_as("clients", "client " + std::to_string(i), browse, &at, 1, true,
                       world.random().below(2) == 0);
    }
    world.finally([&at, clients] { EXPECT_EQ(at.added, clients); });
}

}  // namespace
}  // namespace drama
