// SPDX-License-Identifier: Apache-2.0
// TCP: what comes through, partial and zero results, and how peers end.
#include <cerrno>

#include <netinet/tcp.h>

#include "drama/net/pooled_buffer.hpp"
#include "tests/conformance/scenario.hpp"

namespace drama::conformance {
namespace {

task<result<void>> echoes_a_message(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    auto sent = co_await pair.client.write_all(bytes_of("hello"));
    EXPECT_TRUE(sent);
    auto got = co_await read_text(&pair.server, 5);
    EXPECT_EQ(got.value_or("?"), "hello");
    co_return done();
}

task<result<void>> writes_more_than_the_buffers_hold(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    const std::string text(6'000'000, 'z');
    auto both =
        co_await when_all(write_text(&pair.client, text), read_text(&pair.server, text.size()));
    EXPECT_TRUE(both);
    if (both) {
        EXPECT_EQ(std::get<1>(*both).size(), text.size());
    }
    co_return done();
}

task<result<void>> reads_a_part_and_then_the_rest(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    auto sent = co_await pair.client.write_all(bytes_of("abcdef"));
    EXPECT_TRUE(sent);
    std::array<std::byte, 4> small;
    DRAMA_CO_TRY(const std::size_t first, co_await pair.server.read_some(small));
    EXPECT_EQ(text_of(std::span(small).first(first)), "abcd");
    DRAMA_CO_TRY(const std::size_t second, co_await pair.server.read_some(small));
    EXPECT_EQ(text_of(std::span(small).first(second)), "ef");
    co_return done();
}

task<result<void>> writes_a_part_when_the_peer_is_full(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    const std::string text(20'000'000, 'z');
    DRAMA_CO_TRY(const std::size_t written, co_await pair.client.write_some(bytes_of(text)));
    EXPECT_GT(written, 0U);
    EXPECT_LT(written, text.size());
    co_return done();
}

task<result<void>> yields_zero_at_the_end(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    pair.client.close();
    std::array<std::byte, 8> buffer;
    for (int i = 0; i < 2; ++i) {
        DRAMA_CO_TRY(const std::size_t got, co_await pair.server.read_some(buffer));
        EXPECT_EQ(got, 0U);
    }
    co_return done();
}

task<result<void>> delivers_before_the_end(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    auto sent = co_await pair.client.write_all(bytes_of("last words"));
    EXPECT_TRUE(sent);
    pair.client.close();
    auto got = co_await read_text(&pair.server, 100);
    EXPECT_EQ(got.value_or("?"), "last words");
    co_return done();
}

task<result<void>> answers_after_half_close(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    EXPECT_TRUE(pair.client.shutdown_write());
    auto end = co_await read_text(&pair.server, 1);
    EXPECT_EQ(end.value_or("?"), "");
    auto sent = co_await pair.server.write_all(bytes_of("still here"));
    EXPECT_TRUE(sent);
    auto got = co_await read_text(&pair.client, 10);
    EXPECT_EQ(got.value_or("?"), "still here");
    co_return done();
}

task<result<void>> refuses_to_write_after_half_close(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    EXPECT_TRUE(pair.client.shutdown_write());
    auto sent = co_await pair.client.write_some(bytes_of("x"));
    expect_error(sent, EPIPE);
    co_return done();
}

// A socket that is closed with unread bytes resets its peer.
task<result<void>> reset_pair(tcp_pair* pair) {
    auto sent = co_await pair->client.write_all(bytes_of("unread"));
    EXPECT_TRUE(sent);
    auto arrived = co_await pair->server.wait_readable();
    EXPECT_TRUE(arrived);
    pair->server.close();
    co_return done();
}

task<result<void>> reports_a_reset_to_the_reader(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    auto reset = co_await reset_pair(&pair);
    EXPECT_TRUE(reset);
    std::array<std::byte, 8> buffer;
    auto got = co_await pair.client.read_some(buffer);
    expect_error(got, ECONNRESET);
    co_return done();
}

task<result<void>> reports_a_reset_to_a_waiting_reader(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    auto both = co_await when_all(read_text(&pair.client, 1), reset_pair(&pair));
    expect_error(both, ECONNRESET);
    co_return done();
}

task<result<void>> reports_a_reset_to_the_writer(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    auto reset = co_await reset_pair(&pair);
    EXPECT_TRUE(reset);
    auto seen = co_await pair.client.wait_readable();
    EXPECT_TRUE(seen);
    auto first = co_await pair.client.write_some(bytes_of("x"));
    EXPECT_FALSE(first);
    if (!first) {
        EXPECT_TRUE(first.error() == errno_code(ECONNRESET) || first.error() == errno_code(EPIPE));
    }
    auto second = co_await pair.client.write_some(bytes_of("x"));
    expect_error(second, EPIPE);
    co_return done();
}

task<result<void>> leave_with_unread_bytes(tcp_stream* stream) {
    auto arrived = co_await stream->wait_readable();
    auto slept = co_await sleep_for(2ms);
    EXPECT_TRUE(arrived && slept);
    stream->close();
    co_return done();
}

task<result<void>> ends_a_waiting_write_with_the_peer(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    const std::string text(20'000'000, 'z');
    auto both =
        co_await when_all(write_text(&pair.client, text), leave_with_unread_bytes(&pair.server));
    EXPECT_FALSE(both);
    if (!both) {  // which of the two depends on what was in flight
        EXPECT_TRUE(both.error() == errno_code(ECONNRESET) || both.error() == errno_code(EPIPE))
            << both.error().message();
    }
    co_return done();
}

task<result<void>> is_refused_where_nobody_listens(std::string) {
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(loopback()));
    DRAMA_CO_TRY(const auto where, listener.local());
    listener.close();
    auto made = co_await tcp_connect(where);
    expect_error(made, ECONNREFUSED);
    co_return done();
}

task<result<void>> listens_once_at_an_address(std::string) {
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(loopback()));
    DRAMA_CO_TRY(const auto where, listener.local());
    auto second = co_await tcp_listener::bind(loopback(where.port()));
    expect_error(second, EADDRINUSE);
    co_return done();
}

task<result<void>> shares_an_address_on_request(std::string) {
    listen_options options;
    options.reuse_port = true;
    DRAMA_CO_TRY(auto first, co_await tcp_listener::bind(loopback(), options));
    DRAMA_CO_TRY(const auto where, first.local());
    auto second = co_await tcp_listener::bind(loopback(where.port()), options);
    EXPECT_TRUE(second);
    co_return done();
}

task<result<void>> refuses_an_address_of_elsewhere(std::string) {
    const endpoint elsewhere{"192.0.2.1", 0};
    auto made = co_await tcp_listener::bind(elsewhere);
    expect_error(made, EADDRNOTAVAIL);
    co_return done();
}

task<result<void>> knows_both_addresses(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    DRAMA_CO_TRY(const auto client, pair.client.local());
    DRAMA_CO_TRY(const auto server, pair.server.local());
    EXPECT_EQ(client.to_string(), pair.server.peer().to_string());
    EXPECT_EQ(server.to_string(), pair.client.peer().to_string());
    pair.client.close();
    EXPECT_EQ(client.to_string(), pair.server.peer().to_string());
    co_return done();
}

task<result<void>> connects_by_name(std::string) {
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(loopback()));
    DRAMA_CO_TRY(const auto where, listener.local());
    const endpoint named{"localhost", where.port()};
    auto made = co_await tcp_connect(named);
    EXPECT_TRUE(made);
    co_return done();
}

task<result<void>> listens_everywhere_without_a_host(std::string) {
    const endpoint everywhere{"", 0};
    DRAMA_CO_TRY(auto listener, co_await tcp_listener::bind(everywhere));
    DRAMA_CO_TRY(const auto where, listener.local());
    auto made = co_await tcp_connect(loopback(where.port()));
    EXPECT_TRUE(made);
    co_return done();
}

task<result<void>> speaks_version_six(std::string) {
    const endpoint six{"::1", 0};
    auto listener = co_await tcp_listener::bind(six);
    if (!listener) {  // a machine without it says so
        EXPECT_TRUE(listener.error() == errno_code(EADDRNOTAVAIL) ||
                    listener.error() == errno_code(EAFNOSUPPORT));
        co_return done();
    }
    DRAMA_CO_TRY(const auto where, listener->local());
    DRAMA_CO_TRY(auto client, co_await tcp_connect(where));
    DRAMA_CO_TRY(auto server, co_await listener->accept());
    DRAMA_CO_TRY(const auto local, client.local());
    EXPECT_EQ(server.peer().to_string(), local.to_string());
    co_return done();
}

task<result<void>> waits_for_bytes_without_a_buffer(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    auto both = co_await when_all(write_later(&pair.client, "now", 2ms),
                                  with_deadline(10s, read_text(&pair.server, 0)));
    EXPECT_TRUE(both);
    DRAMA_CO_TRY(const events ready, co_await pair.server.wait_readable());
    EXPECT_TRUE(has(ready, events::readable));
    const pooled_buffer buffer;
    DRAMA_CO_TRY(const std::size_t got, co_await pair.server.read_some(buffer.span()));
    EXPECT_EQ(text_of(buffer.span().first(got)), "now");
    co_return done();
}

task<result<events>> readable(tcp_stream* stream) {
    co_return co_await stream->wait_readable();
}

task<result<void>> wakes_a_waiter_when_the_peer_leaves(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    auto waiting = readable(&pair.server);
    auto bounded = with_deadline(1ms, std::move(waiting));
    auto early = co_await std::move(bounded);
    expect_error(early, errc::deadline_exceeded);
    pair.client.close();
    DRAMA_CO_TRY(const events ready, co_await pair.server.wait_readable());
    EXPECT_TRUE(has(ready, events::peer_closed));
    co_return done();
}

task<result<void>> sets_its_options(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    io_system& io = internal::current_io();
    const auto get = [&](const tcp_stream& of, int level, int option) {
        return io.get_option(of.fd(), level, option).value_or(-1);
    };
    EXPECT_EQ(get(pair.client, IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_EQ(get(pair.server, IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_TRUE(pair.client.set_no_delay(false));
    EXPECT_EQ(get(pair.client, IPPROTO_TCP, TCP_NODELAY), 0);
    EXPECT_TRUE(pair.client.set_keep_alive(true));
    EXPECT_EQ(get(pair.client, SOL_SOCKET, SO_KEEPALIVE), 1);
    co_return done();
}

task<result<void>> talks_both_ways_at_once(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    const std::string text(2'000'000, 'd');
    auto out = write_text(&pair.client, text);
    auto in = read_text(&pair.client, text.size());
    auto other_out = write_text(&pair.server, text);
    auto other_in = read_text(&pair.server, text.size());
    auto all =
        co_await when_all(std::move(out), std::move(in), std::move(other_out), std::move(other_in));
    EXPECT_TRUE(all);
    if (all) {
        EXPECT_EQ(std::get<1>(*all).size() + std::get<3>(*all).size(), 2 * text.size());
    }
    co_return done();
}

task<result<void>> ping(int rounds) {
    auto pair = co_await connected_pair();
    if (!pair) {
        co_return fail(pair.error());
    }
    for (int i = 0; i < rounds; ++i) {
        auto sent = co_await pair->client.write_all(bytes_of("p"));
        auto got = co_await read_text(&pair->server, 1);
        EXPECT_TRUE(sent && got && *got == "p");
    }
    co_return done();
}

task<result<void>> spawn_pings(scope_handle scope, int count) {
    for (int i = 0; i < count; ++i) {
        auto child = scope.spawn(ping, 20);
        EXPECT_TRUE(child);
    }
    co_return done();
}

task<result<void>> serves_many_connections(std::string) {
    auto all = in_scope(spawn_pings, 100);
    co_return co_await std::move(all);
}

task<result<void>> moves_an_open_stream(std::string) {
    DRAMA_CO_TRY(auto pair, co_await connected_pair());
    tcp_stream moved = std::move(pair.server);
    EXPECT_FALSE(pair.server.is_open());
    auto sent = co_await pair.client.write_all(bytes_of("m"));
    EXPECT_TRUE(sent);
    auto got = co_await read_text(&moved, 1);
    EXPECT_EQ(got.value_or("?"), "m");
    co_return done();
}

}  // namespace

std::span<const scenario> tcp_scenarios() {
    static constexpr scenario all[] = {
        {"tcp_echoes_a_message", echoes_a_message},
        {"tcp_writes_more_than_the_buffers_hold", writes_more_than_the_buffers_hold},
        {"tcp_reads_a_part_and_then_the_rest", reads_a_part_and_then_the_rest},
        {"tcp_writes_a_part_when_the_peer_is_full", writes_a_part_when_the_peer_is_full},
        {"tcp_yields_zero_at_the_end", yields_zero_at_the_end},
        {"tcp_delivers_before_the_end", delivers_before_the_end},
        {"tcp_answers_after_half_close", answers_after_half_close},
        {"tcp_refuses_to_write_after_half_close", refuses_to_write_after_half_close},
        {"tcp_reports_a_reset_to_the_reader", reports_a_reset_to_the_reader},
        {"tcp_reports_a_reset_to_a_waiting_reader", reports_a_reset_to_a_waiting_reader},
        {"tcp_reports_a_reset_to_the_writer", reports_a_reset_to_the_writer},
        {"tcp_ends_a_waiting_write_with_the_peer", ends_a_waiting_write_with_the_peer},
        {"tcp_is_refused_where_nobody_listens", is_refused_where_nobody_listens},
        {"tcp_listens_once_at_an_address", listens_once_at_an_address},
        {"tcp_shares_an_address_on_request", shares_an_address_on_request},
        {"tcp_refuses_an_address_of_elsewhere", refuses_an_address_of_elsewhere},
        {"tcp_knows_both_addresses", knows_both_addresses},
        {"tcp_connects_by_name", connects_by_name},
        {"tcp_listens_everywhere_without_a_host", listens_everywhere_without_a_host},
        {"tcp_speaks_version_six", speaks_version_six},
        {"tcp_waits_for_bytes_without_a_buffer", waits_for_bytes_without_a_buffer},
        {"tcp_wakes_a_waiter_when_the_peer_leaves", wakes_a_waiter_when_the_peer_leaves},
        {"tcp_sets_its_options", sets_its_options},
        {"tcp_talks_both_ways_at_once", talks_both_ways_at_once},
        {"tcp_serves_many_connections", serves_many_connections},
        {"tcp_moves_an_open_stream", moves_an_open_stream},
    };
    return all;
}

}  // namespace drama::conformance
