// SPDX-License-Identifier: Apache-2.0
// Echo over loopback: 64 connections, each sends 64 bytes and waits for them, both sides in one
// runtime.
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "bench/micro_bench.hpp"
#include "drama/coro/scope.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/net/tcp_stream.hpp"

namespace drama::bench {
namespace {

constexpr int connections = 64;
constexpr int rounds = 2000;

task<void> echo(tcp_stream stream) {
    std::array<std::byte, 4096> buffer;
    for (;;) {
        auto got = co_await stream.read_some(buffer);
        if (!got || *got == 0) {
            co_return;
        }
        auto sent = co_await stream.write_all(std::span(buffer).first(*got));
        if (!sent) {
            co_return;
        }
    }
}

task<result<void>> call(socket_address where) {
    DRAMA_CO_TRY(auto stream, co_await tcp_connect(where));
    std::array<std::byte, 64> message{};
    for (int i = 0; i < rounds; ++i) {
        auto sent = co_await stream.write_all(message);
        if (!sent) {
            co_return fail(sent.error());
        }
        std::size_t have = 0;
        while (have < message.size()) {
            auto got = co_await stream.read_some(std::span(message).subspan(have));
            if (!got || *got == 0) {
                co_return fail(got ? make_error_code(errc::end_of_stream) : got.error());
            }
            have += *got;
        }
    }
    co_return result<void>();
}

task<result<void>> serve_and_call(scope_handle scope) {
    const endpoint any("127.0.0.1", 0);
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(any));
    DRAMA_CO_TRY(auto where, listener.local());
    std::array<join_handle<result<void>>, connections> calls;
    for (auto& each : calls) {
        auto child = scope.spawn(call, where);
        if (!child) {
            co_return fail(child.error());
        }
        each = *std::move(child);
        DRAMA_CO_TRY(auto stream, co_await listener.accept());
        auto server = scope.spawn(echo, std::move(stream));
        if (!server) {
            co_return fail(server.error());
        }
    }
    for (auto& each : calls) {
        auto done = co_await each.join();
        if (!done) {
            co_return fail(done.error());
        }
    }
    co_return result<void>();
}

task<result<void>> all() { co_return co_await in_scope(serve_and_call); }

}  // namespace

double echo_round_trip(runtime& rt) {
    const std::int64_t began = now_ns();
    const auto done = rt.sync_wait(rt.tenants().get_or_create("bench"), all);
    if (!done) {
        std::fprintf(stderr, "echo failed: %s\n", done.error().message().c_str());
        std::exit(1);
    }
    return static_cast<double>(now_ns() - began) / (connections * rounds);
}

}  // namespace drama::bench
