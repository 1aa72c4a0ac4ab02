// SPDX-License-Identifier: Apache-2.0
// TCP streams and listeners over the real backends.
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/socket.h>

#include "drama/base/unique_fd.hpp"
#include "drama/coro/when.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama {
namespace {

runtime_options on(const char* io) {
    runtime_options options;
    options.workers = 2;
    options.io = io;
    options.log = [](const std::string&) {};
    return options;
}

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text));
}

task<result<std::string>> read_to_end(tcp_stream* stream) {
    std::string all;
    std::array<std::byte, 1024> buffer;
    for (;;) {
        auto got = co_await stream->read_some(buffer);
        if (!got) {
            co_return fail(got.error());
        }
        if (*got == 0) {
            co_return std::move(all);
        }
        all.append(reinterpret_cast<const char*>(buffer.data()), *got);
    }
}

task<result<void>> echo_one(tcp_listener* listener) {
    auto accepted = co_await listener->accept();
    if (!accepted) {
        co_return fail(accepted.error());
    }
    auto text = co_await read_to_end(&*accepted);
    if (!text) {
        co_return fail(text.error());
    }
    co_return co_await accepted->write_all(bytes_of(*text));
}

task<result<std::string>> ask(endpoint where, std::string text) {
    auto stream = co_await tcp_connect(where);
    if (!stream) {
        co_return fail(stream.error());
    }
    auto sent = co_await stream->write_all(bytes_of(text));
    if (!sent) {
        co_return fail(sent.error());
    }
    if (auto half = stream->shutdown_write(); !half) {
        co_return fail(half.error());
    }
    co_return co_await read_to_end(&*stream);
}

task<result<std::string>> echo_over_loopback(std::string text) {
    const endpoint anywhere{"127.0.0.1", 0};
    auto listener = co_await tcp_listener::bind(anywhere);
    if (!listener) {
        co_return fail(listener.error());
    }
    const auto where = listener->local();
    if (!where) {
        co_return fail(where.error());
    }
    auto both = co_await when_all(echo_one(&*listener), ask(endpoint::of(*where), text));
    if (!both) {
        co_return fail(both.error());
    }
    co_return std::get<1>(*both);
}

task<result<std::string>> echo_over_adopted(int fd, std::string text) {
    auto listener = tcp_listener::adopt(fd);
    if (!listener) {
        co_return fail(listener.error());
    }
    const auto where = listener->local();
    if (!where) {
        co_return fail(where.error());
    }
    auto both = co_await when_all(echo_one(&*listener), ask(endpoint::of(*where), text));
    if (!both) {
        co_return fail(both.error());
    }
    co_return std::get<1>(*both);
}

// A socket as it is inherited: blocking, and bound to loopback.
unique_fd plain_socket(int type, bool listening) {
    unique_fd made(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    const auto where = socket_address::from_ip("127.0.0.1", 0);
    EXPECT_EQ(::bind(made.get(), where->data(), where->size()), 0);
    if (listening) {
        EXPECT_EQ(::listen(made.get(), 16), 0);
    }
    return made;
}

class Tcp : public ::testing::TestWithParam<const char*> {};

TEST_P(Tcp, EchoesMoreThanTheBuffersHold) {
    runtime rt(on(GetParam()));
    const std::string text(8'000'000, 'x');

    const auto back = rt.run(echo_over_loopback(text));

    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(*back, text);
}

TEST_P(Tcp, AdoptsASocketThatListensAndBlocks) {
    runtime rt(on(GetParam()));
    unique_fd inherited = plain_socket(SOCK_STREAM, true);
    const unique_fd other(::fcntl(inherited.get(), F_DUPFD_CLOEXEC, 0));

    const auto back = rt.run(echo_over_adopted(inherited.release(), "hello"));

    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(*back, "hello");
    EXPECT_NE(::fcntl(other.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_P(Tcp, AdoptsNothingElse) {
    runtime rt(on(GetParam()));
    ASSERT_TRUE(rt.start());
    const unique_fd not_listening = plain_socket(SOCK_STREAM, false);
    const unique_fd datagrams = plain_socket(SOCK_DGRAM, false);
    const unique_fd local(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const unique_fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const auto error_of = [&rt](int fd) {
        const auto got = rt.sync_wait(rt.tenants().system(), echo_over_adopted, fd, "");
        return got ? 0 : got.error().value();
    };

    EXPECT_EQ(error_of(not_listening.get()), EINVAL);
    EXPECT_EQ(error_of(datagrams.get()), EPROTOTYPE);
    EXPECT_EQ(error_of(local.get()), EAFNOSUPPORT);
    EXPECT_EQ(error_of(file.get()), ENOTSOCK);
    EXPECT_EQ(error_of(987'654), EBADF);
    EXPECT_GE(::fcntl(not_listening.get(), F_GETFD), 0) << "what was refused stays open";
}

INSTANTIATE_TEST_SUITE_P(Backends, Tcp, ::testing::Values("epoll", "uring"));

TEST(Endpoint, ParsesWhatItPrints) {
    for (const char* text : {"127.0.0.1:80", "[::1]:8080", "example.org:1", ":9"}) {
        const auto parsed = endpoint::parse(text);

        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(parsed->to_string(), text);
    }
}

TEST(Endpoint, RefusesWhatIsNoEndpoint) {
    for (const char* text :
         {"", "host", "host:", "host:x", "host:65536", "::1", "[::1:80", "h:-1"}) {
        EXPECT_FALSE(endpoint::parse(text)) << text;
    }
}

}  // namespace
}  // namespace drama
