// SPDX-License-Identifier: Apache-2.0
// Stops and deadlines at every stage of an operation: before it begins, while it waits, while it
// completes; and descriptors that are closed under it. Nothing that had come is lost.
#include <algorithm>
#include <cerrno>
#include <vector>

#include "tests/conformance/scenario.hpp"

namespace drama::conformance {
namespace {

task<result<std::size_t>> read_once(tcp_stream* stream, std::span<std::byte> into) {
    co_return co_await stream->read_some(into);
}

task<result<tcp_stream>> accept_once(tcp_listener* listener) {
    co_return co_await listener->accept();
}

task<result<void>> read_does_not_begin_when_stopped(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    auto sent = co_await pair.client.write_all(bytes_of("x"));
    EXPECT_TRUE(sent);
    std::array<std::byte, 4> buffer;
    auto stopped = co_await run_stopped(read_once, &pair.server, std::span<std::byte>(buffer));
    expect_error(stopped, errc::stop_requested);
    auto got = co_await read_text(&pair.server, 1);
    EXPECT_EQ(got.value_or("?"), "x");
    co_return done();
}

task<result<void>> accept_does_not_begin_when_stopped(std::string) {
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(loopback()));
    auto stopped = co_await run_stopped(accept_once, &listener);
    expect_error(stopped, errc::stop_requested);
    co_return done();
}

task<result<tcp_stream>> connect_to(socket_address where) {
    co_return co_await tcp_connect(where);
}

task<result<void>> connect_does_not_begin_when_stopped(std::string) {
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(loopback()));
    DRAMA_CO_TRY(const auto where, listener.local());
    auto stopped = co_await run_stopped(connect_to, where);
    expect_error(stopped, errc::stop_requested);
    co_return done();
}

task<result<void>> read_ends_at_its_deadline(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    std::array<std::byte, 4> buffer;
    auto late = co_await with_deadline(2ms, read_once(&pair.server, buffer));
    expect_error(late, errc::deadline_exceeded);
    auto sent = co_await pair.client.write_all(bytes_of("x"));
    EXPECT_TRUE(sent);
    auto got = co_await read_text(&pair.server, 1);
    EXPECT_EQ(got.value_or("?"), "x");
    co_return done();
}

task<result<void>> accept_ends_at_its_deadline(std::string) {
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(loopback()));
    DRAMA_CO_TRY(const auto where, listener.local());
    auto late = co_await with_deadline(2ms, accept_once(&listener));
    expect_error(late, errc::deadline_exceeded);
    auto client = co_await tcp_connect(where);
    EXPECT_TRUE(client);
    auto accepted = co_await listener.accept();
    EXPECT_TRUE(accepted);
    co_return done();
}

task<result<void>> write_ends_at_its_deadline(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    const std::string text(20'000'000, 'z');
    auto late = co_await with_deadline(5ms, write_text(&pair.client, text));
    expect_error(late, errc::deadline_exceeded);
    // What went out before is there.
    auto got = co_await read_text(&pair.server, 1000);
    EXPECT_EQ(got.value_or("?"), std::string(1000, 'z'));
    co_return done();
}

// With one place in the backlog, a third handshake gets no answer.
task<result<void>> connect_ends_at_its_deadline(std::string) {
    listen_options options;
    options.backlog = 0;
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(loopback(), options));
    DRAMA_CO_TRY(const auto where, listener.local());
    auto first = co_await tcp_connect(where);
    EXPECT_TRUE(first);
    std::vector<tcp_stream> queued;
    for (int i = 0; i < 8; ++i) {
        auto next = co_await with_deadline(20ms, connect_to(where));
        if (!next) {
            expect_error(next, errc::deadline_exceeded);
            co_return done();
        }
        queued.push_back(*std::move(next));
    }
    ADD_FAILURE() << "the backlog never fills";
    co_return done();
}

task<result<void>> stop_after(stop_source source, duration pause) {
    auto slept = co_await sleep_for(pause);
    source.request_stop();
    co_return slept;
}

task<result<void>> stop_token_ends_a_read(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    std::array<std::byte, 4> buffer;
    stop_source source;
    auto reading = with_stop(source.get_token(), read_once(&pair.server, buffer));
    auto stopping = stop_after(source, 1ms);
    auto both = co_await when_all(std::move(reading), std::move(stopping));
    expect_error(both, errc::stop_requested);
    co_return done();
}

task<result<void>> loser_of_two_reads_loses_nothing(std::string) {
    DRAMA_CO_TRY(auto one, co_await connected_pair());
    DRAMA_CO_TRY(auto two, co_await connected_pair());
    auto sent = co_await one.client.write_all(bytes_of("first"));
    EXPECT_TRUE(sent);
    auto winner = co_await when_any(read_text(&one.server, 5), read_text(&two.server, 5));
    EXPECT_EQ(winner.value_or("?"), "first");
    auto more = co_await two.client.write_all(bytes_of("other"));
    EXPECT_TRUE(more);
    auto got = co_await read_text(&two.server, 5);
    EXPECT_EQ(got.value_or("?"), "other");
    co_return done();
}

task<result<void>> write_bytes_slowly(tcp_stream* stream, int count) {
    for (int i = 0; i < count; ++i) {
        auto wrote = co_await write_later(stream, "x", std::chrono::microseconds(100));
        EXPECT_TRUE(wrote);
    }
    co_return done();
}

task<result<int>> read_bytes_hastily(tcp_stream* stream, int count) {
    int seen = 0;
    std::array<std::byte, 8> buffer;
    for (int round = 0; seen < count; ++round) {
        const duration limit = std::chrono::microseconds(10 * (round % 25));
        auto got = co_await with_deadline(limit, read_once(stream, buffer));
        if (got) {
            seen += static_cast<int>(*got);
        } else if (got.error() != errc::deadline_exceeded) {
            co_return fail(got.error());
        }
    }
    co_return seen;
}

task<result<void>> no_byte_is_lost_between_deadlines(std::string) {
    constexpr int count = 300;
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    auto both = co_await when_all(write_bytes_slowly(&pair.client, count),
                                  read_bytes_hastily(&pair.server, count));
    EXPECT_TRUE(both);
    if (both) {
        EXPECT_EQ(std::get<1>(*both), count);
    }
    co_return done();
}

task<result<void>> connect_slowly(socket_address where, int count) {
    for (int i = 0; i < count; ++i) {
        auto slept = co_await sleep_for(std::chrono::microseconds(200));
        auto made = co_await tcp_connect(where);
        EXPECT_TRUE(slept && made);
    }
    co_return done();
}

task<result<int>> accept_hastily(tcp_listener* listener, int count) {
    int seen = 0;
    for (int round = 0; seen < count; ++round) {
        const duration limit = std::chrono::microseconds(20 * (round % 25));
        auto got = co_await with_deadline(limit, accept_once(listener));
        if (got) {
            ++seen;
        } else if (got.error() != errc::deadline_exceeded) {
            co_return fail(got.error());
        }
    }
    co_return seen;
}

task<result<void>> no_connection_is_lost_between_deadlines(std::string) {
    constexpr int count = 100;
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(loopback()));
    DRAMA_CO_TRY(const auto where, listener.local());
    auto both = co_await when_all(connect_slowly(where, count), accept_hastily(&listener, count));
    EXPECT_TRUE(both);
    co_return done();
}

task<result<void>> close_after(tcp_stream* stream, duration pause) {
    auto slept = co_await sleep_for(pause);
    stream->close();
    co_return slept;
}

task<result<void>> close_listener_after(tcp_listener* listener, duration pause) {
    auto slept = co_await sleep_for(pause);
    listener->close();
    co_return slept;
}

task<result<void>> closing_ends_a_read(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    auto both = co_await when_all(read_text(&pair.server, 1), close_after(&pair.server, 2ms));
    expect_error(both, errc::closed);
    co_return done();
}

task<result<void>> closing_ends_a_write(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    const std::string text(20'000'000, 'z');
    auto both = co_await when_all(write_text(&pair.client, text), close_after(&pair.client, 5ms));
    expect_error(both, errc::closed);
    co_return done();
}

task<result<void>> closing_ends_an_accept(std::string) {
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(loopback()));
    auto both = co_await when_all(accept_once(&listener), close_listener_after(&listener, 2ms));
    expect_error(both, errc::closed);
    co_return done();
}

task<result<void>> fail_at_once() {
    co_return fail(errno_code(EIO));
}

task<result<void>> read_then_fail(scope_handle scope, tcp_pair* pair) {
    for (int i = 0; i < 10; ++i) {
        auto child = scope.spawn(read_text<tcp_stream>, &pair->server, std::size_t{1});
        EXPECT_TRUE(child);
    }
    auto slept = co_await sleep_for(1ms);
    EXPECT_TRUE(slept);
    co_return co_await fail_at_once();
}

task<result<void>> failing_scope_ends_its_reads(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    auto failed = co_await in_scope(read_then_fail, &pair);
    expect_error(failed, EIO);
    co_return done();
}

task<result<void>> several_readers_of_one_socket(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    auto sent =
        co_await when_all(read_text(&pair.server, 1), read_text(&pair.server, 1),
                          read_text(&pair.server, 1), write_later(&pair.client, "abc", 2ms));
    EXPECT_TRUE(sent);
    if (sent) {
        std::string all = std::get<0>(*sent) + std::get<1>(*sent) + std::get<2>(*sent);
        std::sort(all.begin(), all.end());
        EXPECT_EQ(all, "abc");
    }
    co_return done();
}

task<result<void>> outer_deadline_reaches_an_inner_read(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    std::array<std::byte, 4> buffer;
    auto inner = with_deadline(10s, read_once(&pair.server, buffer));
    auto outer = with_deadline(2ms, std::move(inner));
    auto late = co_await std::move(outer);
    expect_error(late, errc::deadline_exceeded);
    co_return done();
}

}  // namespace

std::span<const scenario> stop_scenarios() {
    static constexpr scenario all[] = {
        {"stop_read_does_not_begin", read_does_not_begin_when_stopped},
        {"stop_accept_does_not_begin", accept_does_not_begin_when_stopped},
        {"stop_connect_does_not_begin", connect_does_not_begin_when_stopped},
        {"stop_read_ends_at_its_deadline", read_ends_at_its_deadline},
        {"stop_accept_ends_at_its_deadline", accept_ends_at_its_deadline},
        {"stop_write_ends_at_its_deadline", write_ends_at_its_deadline},
        {"stop_connect_ends_at_its_deadline", connect_ends_at_its_deadline},
        {"stop_token_ends_a_read", stop_token_ends_a_read},
        {"stop_loser_of_two_reads_loses_nothing", loser_of_two_reads_loses_nothing},
        {"stop_no_byte_is_lost_between_deadlines", no_byte_is_lost_between_deadlines},
        {"stop_no_connection_is_lost_between_deadlines", no_connection_is_lost_between_deadlines},
        {"stop_closing_ends_a_read", closing_ends_a_read},
        {"stop_closing_ends_a_write", closing_ends_a_write},
        {"stop_closing_ends_an_accept", closing_ends_an_accept},
        {"stop_failing_scope_ends_its_reads", failing_scope_ends_its_reads},
        {"stop_several_readers_of_one_socket", several_readers_of_one_socket},
        {"stop_outer_deadline_reaches_an_inner_read", outer_deadline_reaches_an_inner_read},
    };
    return all;
}

}  // namespace drama::conformance
