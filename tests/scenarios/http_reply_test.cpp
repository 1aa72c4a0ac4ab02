// SPDX-License-Identifier: Apache-2.0
// Replies that do not fit into the socket, to clients that read late or never, in simulated worlds.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "drama/coro/sleep.hpp"
#include "drama/http/server.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/simulation.hpp"

namespace drama {
namespace {

constexpr std::size_t body_bytes = 1 << 20;
constexpr duration write_deadline = 1s;

task<result<http_reply>> answer_much(http_exchange) {
    http_reply reply;
    reply.body.assign(body_bytes, 'x');
    co_return std::move(reply);
}

struct client {
    std::string tenant;
    duration pause;    ///< before it reads
    int requests = 1;  ///< sent at once
    std::size_t received = 0;
};

task<result<void>> ask(endpoint where, client* who) {
    std::string text;
    for (int i = 1; i <= who->requests; ++i) {
        text += "GET /much HTTP/1.1\r\nHost: a\r\nDrama-Tenant: " + who->tenant + "\r\n" +
                (i == who->requests ? "Connection: close\r\n\r\n" : "\r\n");
    }
    auto connecting = tcp_connect(std::move(where));
    DRAMA_CO_TRY(auto stream, co_await std::move(connecting));
    auto sent = co_await stream.write_all(std::as_bytes(std::span(text)));
    if (!sent) {
        co_return sent;
    }
    auto slept = co_await sleep_for(who->pause);
    if (!slept) {
        co_return slept;
    }
    std::array<std::byte, 4096> space;
    for (;;) {
        auto got = co_await stream.read_some(space);
        if (!got || *got == 0) {
            co_return result<void>();
        }
        who->received += *got;
    }
}

task<result<void>> serve(http_server* server) {
    auto serving = server->serve();
    co_return co_await std::move(serving);
}

task<result<void>> serve_one(http_server* server, client* who) {
    endpoint any("127.0.0.1", 0);
    auto binding = server->bind(std::move(any));
    auto bound = co_await std::move(binding);
    if (!bound) {
        co_return bound;
    }
    auto rt = this_runtime();
    auto serving = rt.try_spawn(rt.tenant("server"), serve, server);
    auto asking = rt.try_spawn(rt.tenant("client"), ask, server->local(), who);
    if (!serving || !asking) {
        co_return fail(errc::queue_full);
    }
    auto asked = co_await asking->join();
    server->drain(duration::zero());
    auto served = co_await serving->join();
    co_return asked ? served : asked;
}

/// How a reply was sent, as its tenant's counters say.
struct sends {
    std::uint64_t operations = 0;
    std::uint64_t errors = 0;
};

sends run(std::uint64_t seed, client* who) {
    simulation sim(seed);
    runtime_options options;
    options.workers = 1;
    options.log = [](const std::string&) {};
    runtime rt(sim.world(), options);
    http_server_options server_options;
    server_options.write_deadline = write_deadline;
    http_server server({{"GET", "/much", answer_much}}, server_options);

    const auto done = rt.run(serve_one(&server, who));

    EXPECT_TRUE(done) << done.error().message() << sim.replay();
    const auto* const table = rt.tenants().get_or_create(who->tenant).record().operations();
    if (table == nullptr) {
        return {};
    }
    // A large body is sent apart from the head, a rest of it alone.
    sends seen;
    for (const op_code code : {op_code::send, op_code::send_msg}) {
        const op_usage& of_code = (*table)[static_cast<std::size_t>(code)];
        seen.operations += of_code.operations.read();
        seen.errors += of_code.errors.read();
    }
    return seen;
}

TEST(HttpReply, AClientThatReadsLateGetsAllOfIt) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 10; ++seed) {
        // The first reply leaves hardly any room for the second.
        client late{"late", write_deadline / 2, 2};

        const sends seen = run(seed, &late);

        EXPECT_GT(late.received, 2 * body_bytes) << replay_line(seed);
        EXPECT_GT(seen.operations, 2U) << replay_line(seed);
        EXPECT_EQ(seen.errors, 0U) << replay_line(seed);  // to wait for room is none
    }
}

TEST(HttpReply, AClientThatDoesNotReadIsLeftAtTheDeadline) {
    const std::uint64_t first = seed_or(1);
    for (std::uint64_t seed = first; seed < first + 10; ++seed) {
        client never_reads{"never", 2 * write_deadline};

        const sends seen = run(seed, &never_reads);

        EXPECT_LT(never_reads.received, body_bytes) << replay_line(seed);
        EXPECT_EQ(seen.errors, 1U) << replay_line(seed);
    }
}

}  // namespace
}  // namespace drama
