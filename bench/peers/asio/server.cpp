// SPDX-License-Identifier: Apache-2.0
// Servers on Asio: `server echo|hello|tenants [--threads N] [--data DIR] [--blocking-max N]`.
// `echo` sends bytes back, `hello` has the smallest possible HTTP parser, `tenants` answers the
// routes of `drama serve` that `drama demo` asks for. Prints one line when ready.
#include <asio.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

#include "tenants.hpp"

namespace {

using asio::ip::tcp;

asio::awaitable<void> echo(tcp::socket socket) {
    std::array<char, 4096> buffer;
    for (;;) {
        const std::size_t got =
            co_await socket.async_read_some(asio::buffer(buffer), asio::use_awaitable);
        co_await asio::async_write(socket, asio::buffer(buffer, got), asio::use_awaitable);
    }
}

// One answer for each blank line.
asio::awaitable<void> hello(tcp::socket socket) {
    constexpr std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    std::array<char, 4096> buffer;
    std::size_t used = 0;
    for (;;) {
        const auto room = asio::buffer(buffer.data() + used, buffer.size() - used);
        const std::size_t got = co_await socket.async_read_some(room, asio::use_awaitable);
        used += got;
        for (;;) {
            const std::size_t at = std::string_view(buffer.data(), used).find("\r\n\r\n");
            if (at == std::string_view::npos) {
                break;
            }
            std::memmove(buffer.data(), buffer.data() + at + 4, used - at - 4);
            used -= at + 4;
            co_await asio::async_write(socket, asio::buffer(answer), asio::use_awaitable);
        }
    }
}

asio::awaitable<void> serve(tcp::acceptor* listener, std::string_view mode, service* tenants) {
    const auto executor = co_await asio::this_coro::executor;
    for (;;) {
        tcp::socket socket = co_await listener->async_accept(asio::use_awaitable);
        socket.set_option(tcp::no_delay(true));
        // A connection that ends ends its coroutine by an exception.
        if (mode == "echo") {
            asio::co_spawn(executor, echo(std::move(socket)), asio::detached);
        } else if (mode == "hello") {
            asio::co_spawn(executor, hello(std::move(socket)), asio::detached);
        } else {
            asio::co_spawn(executor, connection(std::move(socket), tenants), asio::detached);
        }
    }
}

struct server_options {
    std::string_view mode;
    int threads = 2;
    std::string_view data = ".";
    std::size_t blocking_max = 0;
};

bool parse(int argc, char** argv, server_options& into) {
    if (argc % 2 != 0) {
        return false;
    }
    into.mode = argv[1];
    for (int i = 2; i < argc; i += 2) {
        const std::string_view flag = argv[i];
        if (flag == "--threads") {
            into.threads = std::atoi(argv[i + 1]);
        } else if (flag == "--data") {
            into.data = argv[i + 1];
        } else if (flag == "--blocking-max") {
            into.blocking_max = static_cast<std::size_t>(std::atoi(argv[i + 1]));
        } else {
            return false;
        }
    }
    return into.mode == "echo" || into.mode == "hello" || into.mode == "tenants";
}

}  // namespace

int main(int argc, char** argv) {
    server_options options;
    if (!parse(argc, argv, options)) {
        std::fprintf(stderr,
                     "usage: server echo|hello|tenants [--threads N] [--data DIR] "
                     "[--blocking-max N]\n");
        return 2;
    }
    asio::io_context context(options.threads);
    service tenants(std::string(options.data), options.threads, options.blocking_max);
    tcp::acceptor listener(context, {asio::ip::address_v4::loopback(), 0});
    const unsigned port = listener.local_endpoint().port();
    std::printf("asio serves http://127.0.0.1:%u and looks at http://127.0.0.1:%u\n", port, port);
    std::fflush(stdout);
    asio::co_spawn(context, serve(&listener, options.mode, &tenants), asio::detached);
    std::vector<std::thread> others;
    for (int i = 1; i < options.threads; ++i) {
        others.emplace_back([&context] { context.run(); });
    }
    context.run();
    for (std::thread& each : others) {
        each.join();
    }
    return 0;
}
