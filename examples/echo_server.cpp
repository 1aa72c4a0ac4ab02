// SPDX-License-Identifier: Apache-2.0
// An echo server: `echo_server 127.0.0.1:7777` serves until it is interrupted; without an argument
// it serves one client of its own.
#include <csignal>
#include <cstdio>
#include <string>

#include "drama/coro/when.hpp"
#include "drama/net/pooled_buffer.hpp"
#include "drama/net/process/signal_set.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/runtime/runtime.hpp"

using namespace drama;

namespace {

task<void> echo(tcp_stream stream) {
    for (;;) {
        auto ready = co_await stream.wait_readable();  // an idle connection holds no buffer
        if (!ready) {
            co_return;
        }
        const pooled_buffer buffer;
        auto got = co_await stream.read_some(buffer.span());
        if (!got || *got == 0) {
            co_return;
        }
        auto sent = co_await stream.write_all(buffer.span().first(*got));
        if (!sent) {
            co_return;
        }
    }
}

task<result<void>> serve(scope_handle connections, tcp_listener* listener) {
    for (;;) {
        DRAMA_CO_TRY(auto stream, co_await listener->accept());
        auto child = connections.spawn(echo, std::move(stream));
        if (!child) {
            std::fprintf(stderr, "refused: %s\n", name_of(child.error().reason));
        }
    }
}

task<result<void>> until_interrupted() {
    DRAMA_CO_TRY(auto signals, signal_set::open({SIGINT, SIGTERM}));
    auto received = co_await signals.wait();
    co_return received ? result<void>() : fail(received.error());
}

task<result<void>> ask_once(socket_address where) {
    const std::string question = "is anybody there?";
    DRAMA_CO_TRY(auto stream, co_await tcp_connect(where));
    auto sent = co_await stream.write_all(std::as_bytes(std::span(question)));
    if (!sent) {
        co_return fail(sent.error());
    }
    std::string answer(question.size(), '\0');
    auto rest = std::as_writable_bytes(std::span(answer));
    while (!rest.empty()) {
        DRAMA_CO_TRY(const std::size_t got, co_await stream.read_some(rest));
        if (got == 0) {
            co_return fail(errc::end_of_stream);
        }
        rest = rest.subspan(got);
    }
    std::printf("the echo: %s\n", answer.c_str());
    co_return answer == question ? result<void>() : fail(errc::end_of_stream);
}

task<result<void>> run(endpoint where, bool with_client) {
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(where));
    DRAMA_CO_TRY(const auto local, listener.local());
    std::printf("listening at %s\n", local.to_string().c_str());
    auto end = with_client ? ask_once(local) : until_interrupted();
    auto serving = in_scope(serve, &listener);
    auto first = co_await when_any(std::move(end), std::move(serving));  // stops the other
    co_return first ? result<void>() : fail(first.error());
}

}  // namespace

int main(int argc, char** argv) {
    if (!block_signals({SIGINT, SIGTERM})) {  // before the runtime starts its threads
        return 1;
    }
    const auto where = endpoint::parse(argc > 1 ? argv[1] : "127.0.0.1:0");
    if (!where) {
        std::fprintf(stderr, "usage: %s [host:port]\n", argv[0]);
        return 2;
    }
    runtime rt;
    const auto ended = rt.run(run(*where, argc == 1));
    if (!ended) {
        std::fprintf(stderr, "%s\n", ended.error().message().c_str());
    }
    return ended ? 0 : 1;
}
