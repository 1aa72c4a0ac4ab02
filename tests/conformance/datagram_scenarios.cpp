// SPDX-License-Identifier: Apache-2.0
// UDP: one operation, one packet.
#include <cerrno>

#include "drama/net/udp_socket.hpp"
#include "tests/conformance/scenario.hpp"

namespace drama::conformance {
namespace {

task<result<datagram>> receive(udp_socket* socket, std::span<std::byte> into) {
    co_return co_await socket->receive_from(into);
}

task<result<void>> tells_the_sender(std::string) {
    DRAMA_CO_TRY(auto here, co_await udp_socket::bind(loopback()));
    DRAMA_CO_TRY(auto there, co_await udp_socket::bind(loopback()));
    DRAMA_CO_TRY(const auto from, here.local());
    DRAMA_CO_TRY(const auto to, there.local());
    auto sent = co_await here.send_to(bytes_of("packet"), to);
    EXPECT_TRUE(sent);
    std::array<std::byte, 64> buffer;
    DRAMA_CO_TRY(const auto got, co_await there.receive_from(buffer));
    EXPECT_EQ(text_of(std::span(buffer).first(got.bytes)), "packet");
    EXPECT_EQ(got.from.to_string(), from.to_string());
    EXPECT_FALSE(got.is_truncated);
    co_return done();
}

task<result<void>> tells_truncation(std::string) {
    DRAMA_CO_TRY(auto here, co_await udp_socket::bind(loopback()));
    DRAMA_CO_TRY(const auto to, here.local());
    auto sent = co_await here.send_to(bytes_of("too long"), to);
    auto more = co_await here.send_to(bytes_of("next"), to);
    EXPECT_TRUE(sent && more);
    std::array<std::byte, 4> buffer;
    DRAMA_CO_TRY(const auto cut, co_await here.receive_from(buffer));
    EXPECT_TRUE(cut.is_truncated);
    EXPECT_EQ(cut.bytes, 4U);
    DRAMA_CO_TRY(const auto whole, co_await here.receive_from(buffer));
    EXPECT_FALSE(whole.is_truncated);
    EXPECT_EQ(text_of(buffer), "next");
    co_return done();
}

task<result<void>> carries_empty_packets(std::string) {
    DRAMA_CO_TRY(auto here, co_await udp_socket::bind(loopback()));
    DRAMA_CO_TRY(const auto to, here.local());
    auto sent = co_await here.send_to(bytes_of(""), to);
    EXPECT_TRUE(sent);
    std::array<std::byte, 4> buffer;
    DRAMA_CO_TRY(const auto got, co_await here.receive_from(buffer));
    EXPECT_EQ(got.bytes, 0U);
    co_return done();
}

task<result<void>> refuses_what_no_packet_holds(std::string) {
    DRAMA_CO_TRY(auto here, co_await udp_socket::bind(loopback()));
    DRAMA_CO_TRY(const auto to, here.local());
    const std::string text(70'000, 'u');
    auto sent = co_await here.send_to(bytes_of(text), to);
    expect_error(sent, EMSGSIZE);
    co_return done();
}

task<result<void>> reports_that_nobody_listens(std::string) {
    DRAMA_CO_TRY(auto gone, co_await udp_socket::bind(loopback()));
    DRAMA_CO_TRY(const auto where, gone.local());
    DRAMA_CO_TRY(auto here, co_await udp_socket::connect(endpoint::of(where)));
    gone.close();
    auto sent = co_await here.send(bytes_of("x"));
    EXPECT_TRUE(sent);
    std::array<std::byte, 4> buffer;
    auto got = co_await here.receive_from(buffer);
    expect_error(got, ECONNREFUSED);
    co_return done();
}

task<result<void>> receive_ends_at_its_deadline(std::string) {
    DRAMA_CO_TRY(auto here, co_await udp_socket::bind(loopback()));
    std::array<std::byte, 4> buffer;
    auto late = co_await with_deadline(2ms, receive(&here, buffer));
    expect_error(late, errc::deadline_exceeded);
    co_return done();
}

task<result<void>> close_soon(udp_socket* socket) {
    auto slept = co_await sleep_for(2ms);
    socket->close();
    co_return slept;
}

task<result<void>> closing_ends_a_receive(std::string) {
    DRAMA_CO_TRY(auto here, co_await udp_socket::bind(loopback()));
    std::array<std::byte, 4> buffer;
    auto both = co_await when_all(receive(&here, buffer), close_soon(&here));
    expect_error(both, errc::closed);
    co_return done();
}

}  // namespace

std::span<const scenario> datagram_scenarios() {
    static constexpr scenario all[] = {
        {"udp_tells_the_sender", tells_the_sender},
        {"udp_tells_truncation", tells_truncation},
        {"udp_carries_empty_packets", carries_empty_packets},
        {"udp_refuses_what_no_packet_holds", refuses_what_no_packet_holds},
        {"udp_reports_that_nobody_listens", reports_that_nobody_listens},
        {"udp_receive_ends_at_its_deadline", receive_ends_at_its_deadline},
        {"udp_closing_ends_a_receive", closing_ends_a_receive},
    };
    return all;
}

}  // namespace drama::conformance
