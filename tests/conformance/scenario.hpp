// SPDX-License-Identifier: Apache-2.0
// A scenario is one small program over drama's IO whose outcome must not depend on the backend.
// Here: its form, and the helpers that scenarios share.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "drama/base/result.hpp"
#include "drama/coro/context.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/coro/task.hpp"
#include "drama/coro/when.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/net/tcp_stream.hpp"

namespace drama::conformance {

/// An error that comes out of `run` fails the test; so does a failed EXPECT.
struct scenario {
    const char* name;
    /// `directory`: an empty one, removed afterwards.
    task<result<void>> (*run)(std::string directory);
    /// It asks the machine itself for something (eventfd, mkfifo, kill, a limit of descriptors), so
    /// it cannot run in a simulated world.
    bool needs_kernel = false;
};

std::span<const scenario> tcp_scenarios();
std::span<const scenario> stop_scenarios();
std::span<const scenario> datagram_scenarios();
std::span<const scenario> unix_scenarios();
std::span<const scenario> pipe_scenarios();
std::span<const scenario> file_scenarios();
std::span<const scenario> disk_scenarios();
std::span<const scenario> directory_scenarios();
std::span<const scenario> process_scenarios();
std::span<const scenario> descriptor_scenarios();

inline result<void> done() {
    return {};
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

inline std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Expects that `outcome` failed with `code`.
template <class T, class Code>
void expect_error(const result<T>& outcome, Code code, std::string_view what = {}) {
    std::error_code wanted;
    if constexpr (std::is_same_v<Code, int>) {
        wanted = errno_code(code);
    } else {
        wanted = make_error_code(code);
    }
    ASSERT_FALSE(outcome) << "no error; wanted: " << wanted.message() << ' ' << what;
    EXPECT_EQ(outcome.error(), wanted) << outcome.error().message() << ' ' << what;
}

inline endpoint loopback(std::uint16_t port = 0) {
    return {"127.0.0.1", port};
}

struct tcp_pair {
    tcp_stream client;
    tcp_stream server;
};

/// Two ends of a connection over loopback.
inline task<result<tcp_pair>> connected_pair() {
    auto listener = co_await tcp_listener::bind(loopback());
    if (!listener) {
        co_return fail(listener.error());
    }
    const auto where = listener->local();
    if (!where) {
        co_return fail(where.error());
    }
    tcp_pair made;
    auto client = co_await tcp_connect(*where);
    if (!client) {
        co_return fail(client.error());
    }
    made.client = *std::move(client);
    auto server = co_await listener->accept();
    if (!server) {
        co_return fail(server.error());
    }
    made.server = *std::move(server);
    co_return std::move(made);
}

/// Reads until `count` bytes have come or the stream has ended.
template <class Stream>
task<result<std::string>> read_text(Stream* stream, std::size_t count) {
    std::string all;
    std::array<std::byte, 4096> buffer;
    while (all.size() < count) {
        const std::size_t room = std::min(buffer.size(), count - all.size());
        auto got = co_await stream->read_some(std::span(buffer).first(room));
        if (!got) {
            co_return fail(got.error());
        }
        if (*got == 0) {
            break;
        }
        all.append(text_of(std::span(buffer).first(*got)));
    }
    co_return std::move(all);
}

template <class Stream>
task<result<void>> write_text(Stream* stream, std::string text) {
    co_return co_await stream->write_all(bytes_of(text));
}

/// The same after a pause.
template <class Stream>
task<result<void>> write_later(Stream* stream, std::string text, duration pause) {
    auto slept = co_await sleep_for(pause);
    if (!slept) {
        co_return fail(slept.error());
    }
    co_return co_await stream->write_all(bytes_of(text));
}

/// Runs `f(args...)` as a task that is stopped already.
template <class F, class... Args>
auto run_stopped(F f, Args... args) {
    stop_source source;
    source.request_stop();
    return with_stop(source.get_token(), std::invoke(f, std::move(args)...));
}

}  // namespace drama::conformance
