// SPDX-License-Identifier: Apache-2.0
// Tasks that wait for the network, for files and for what only the machine has.
#include "tests/scenarios/wait_record_place.hpp"

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <span>
#include <string>
#include <utility>

#include "drama/coro/sleep.hpp"
#include "drama/fs/directory.hpp"
#include "drama/fs/file.hpp"
#include "drama/net/pipe.hpp"
#include "drama/net/poll_fd.hpp"
#include "drama/net/process/child_process.hpp"
#include "drama/net/process/signal_set.hpp"
#include "drama/net/resolve.hpp"
#include "drama/net/tcp_listener.hpp"
#include "drama/net/tcp_stream.hpp"
#include "drama/net/udp_socket.hpp"
#include "drama/net/unix_socket.hpp"

namespace drama {
namespace {

// The network. In the simulated world each step takes milliseconds, so that it is seen.

const endpoint& server() {
    static const endpoint where("127.0.0.1", 80);
    return where;
}

task<result<tcp_listener>> listen() {
    endpoint where = server();
    co_return co_await tcp_listener::bind(std::move(where));
}

struct tcp_pair {
    tcp_listener listener;
    tcp_stream client;
};

task<result<tcp_pair>> connect_unaccepted() {
    DRAMA_CO_TRY(auto listener, co_await listen());
    endpoint where = server();
    DRAMA_CO_TRY(auto client, co_await tcp_connect(std::move(where)));
    tcp_pair made;
    made.listener = std::move(listener);
    made.client = std::move(client);
    co_return std::move(made);
}

task<result<void>> accepts(place* at) {
    DRAMA_CO_TRY(auto listener, co_await listen());
    at->next_line();
    auto got = co_await listener.accept();
    co_return done(got);
}

task<result<void>> connects(place* at) {
    DRAMA_CO_TRY(auto listener, co_await listen());
    endpoint where = server();
    at->next_line();
    auto got = co_await tcp_connect(std::move(where));
    co_return done(got);
}

task<result<void>> connects_to_an_address(place* at) {
    DRAMA_CO_TRY(auto listener, co_await listen());
    const auto where = *socket_address::from_ip("127.0.0.1", 80);
    at->next_line();
    auto got = co_await tcp_connect(where);
    co_return done(got);
}

task<result<void>> connects_by_name(place* at) {
    endpoint where("localhost", 80);
    at->next_line();
    auto got = co_await tcp_connect(std::move(where));
    co_return done(got);
}

task<result<void>> binds_by_name(place* at) {
    endpoint where("localhost", 80);
    at->next_line();
    auto got = co_await tcp_listener::bind(std::move(where));
    co_return done(got);
}

task<result<void>> resolves(place* at) {
    at->next_line();
    auto got = co_await resolve("localhost", "80");
    co_return done(got);
}

task<result<void>> resolves_an_endpoint(place* at) {
    endpoint where("localhost", 80);
    at->next_line();
    auto got = co_await resolve(std::move(where));
    co_return done(got);
}

task<result<void>> receives(place* at) {
    DRAMA_CO_TRY(auto pair, co_await connect_unaccepted());
    std::array<std::byte, 1> byte{};
    at->next_line();
    auto got = co_await pair.client.read_some(byte);
    co_return done(got);
}

task<result<void>> waits_readable(place* at) {
    DRAMA_CO_TRY(auto pair, co_await connect_unaccepted());
    at->next_line();
    auto got = co_await pair.client.wait_readable();
    co_return done(got);
}

task<void> fill_up(tcp_stream* stream) {
    // More than both ends hold: it is given up in the middle.
    const std::string much(1 << 20, 'x');
    auto writing = stream->write_all(std::as_bytes(std::span(much)));
    auto written = co_await with_deadline(50ms, std::move(writing));
    EXPECT_FALSE(written);
}

task<result<void>> sends(place* at) {
    DRAMA_CO_TRY(auto pair, co_await connect_unaccepted());
    auto filling = fill_up(&pair.client);
    co_await std::move(filling);
    std::array<std::byte, 1> byte{};
    at->next_line();
    auto got = co_await pair.client.write_some(byte);
    co_return done(got);
}

task<result<void>> sends_all(place* at) {
    DRAMA_CO_TRY(auto pair, co_await connect_unaccepted());
    auto filling = fill_up(&pair.client);
    co_await std::move(filling);
    std::array<std::byte, 1> byte{};
    at->next_line();
    auto got = co_await pair.client.write_all(byte);
    co_return done(got);
}

task<result<void>> accepts_unix(place* at) {
    DRAMA_CO_TRY(auto listener, co_await unix_listener::bind("@wait_record"));
    at->next_line();
    auto got = co_await listener.accept();
    co_return done(got);
}

// Only a full backlog makes a connection wait.
task<result<void>> connects_unix(place* at) {
    DRAMA_CO_TRY(auto listener, co_await unix_listener::bind("@wait_record", 1));
    std::vector<unix_stream> unaccepted;
    for (;;) {
        auto connecting = unix_stream::connect("@wait_record");
        auto connected = co_await with_deadline(1ms, std::move(connecting));
        if (!connected) {
            break;
        }
        unaccepted.push_back(*std::move(connected));
    }
    at->next_line();
    auto got = co_await unix_stream::connect("@wait_record");
    co_return done(got);
}

// Files. One worker: whoever looks does so before the disk has answered.

task<result<file>> make_file() {
    open_options options;
    options.access = file_access::read_write;
    options.create = true;
    co_return co_await file::open("/f", options);
}

task<result<void>> opens(place* at) {
    at->next_line();
    auto got = co_await file::open("/f");
    co_return done(got);
}

task<result<void>> reads(place* at) {
    DRAMA_CO_TRY(auto opened, co_await make_file());
    std::array<std::byte, 1> byte{};
    at->next_line();
    auto got = co_await opened.read_at(0, byte);
    co_return done(got);
}

task<result<void>> writes(place* at) {
    DRAMA_CO_TRY(auto opened, co_await make_file());
    std::array<std::byte, 1> byte{};
    at->next_line();
    auto got = co_await opened.write_at(0, byte);
    co_return done(got);
}

task<result<void>> reads_exactly(place* at) {
    DRAMA_CO_TRY(auto opened, co_await make_file());
    std::array<std::byte, 1> byte{};
    at->next_line();
    auto got = co_await opened.read_exactly_at(0, byte);
    co_return done(got);
}

task<result<void>> writes_all(place* at) {
    DRAMA_CO_TRY(auto opened, co_await make_file());
    std::array<std::byte, 1> byte{};
    at->next_line();
    auto got = co_await opened.write_all_at(0, byte);
    co_return done(got);
}

task<result<void>> syncs(place* at) {
    DRAMA_CO_TRY(auto opened, co_await make_file());
    at->next_line();
    auto got = co_await opened.sync();
    co_return done(got);
}

task<result<void>> asks_for_status(place* at) {
    DRAMA_CO_TRY(auto opened, co_await make_file());
    at->next_line();
    auto got = co_await opened.status();
    co_return done(got);
}

task<result<void>> closes(place* at) {
    DRAMA_CO_TRY(auto opened, co_await make_file());
    auto holding = hold_the_pool(at);
    co_await std::move(holding);
    at->next_line();
    co_await opened.close();
    co_return result<void>();
}

task<result<void>> removes(place* at) {
    at->next_line();
    auto got = co_await remove_file("/f");
    co_return done(got);
}

task<result<void>> lists(place* at) {
    at->next_line();
    auto got = co_await list_directory("/");
    co_return done(got);
}

task<result<void>> syncs_a_directory(place* at) {
    at->next_line();
    auto got = co_await sync_directory("/");
    co_return done(got);
}

// What only the machine has.

task<result<udp_socket>> receive_here() {
    endpoint where("127.0.0.1", 0);
    co_return co_await udp_socket::bind(std::move(where));
}

task<result<void>> receives_a_packet(place* at) {
    DRAMA_CO_TRY(auto socket, co_await receive_here());
    std::array<std::byte, 1> byte{};
    at->next_line();
    auto got = co_await socket.receive_from(byte);
    co_return done(got);
}

task<result<void>> receives_descriptors(place* at) {
    DRAMA_CO_TRY(auto ends, unix_stream::make_pair());
    std::array<std::byte, 1> byte{};
    at->next_line();
    auto got = co_await ends.first.receive_with_fds(byte);
    co_return done(got);
}

task<result<void>> reads_a_pipe(place* at) {
    DRAMA_CO_TRY(auto ends, make_pipe());
    std::array<std::byte, 1> byte{};
    at->next_line();
    auto got = co_await ends.reader.read_some(byte);
    co_return done(got);
}

task<result<void>> polls_a_descriptor(place* at) {
    DRAMA_CO_TRY(auto ends, make_pipe());
    const int fd = ends.reader.fd();
    at->next_line();
    auto got = co_await poll_fd(fd, events::readable);
    co_return done(got);
}

task<result<void>> waits_for_a_signal(place* at) {
    DRAMA_CO_TRY(auto signals, signal_set::open({SIGUSR1}));
    at->next_line();
    auto got = co_await signals.wait();
    co_return done(got);
}

task<result<void>> waits_for_a_child(place* at) {
    child_options options;
    options.input = child_stream::pipe;
    DRAMA_CO_TRY(auto child, co_await child_process::start("cat", options));
    at->next_line();
    auto got = co_await child.wait();
    co_return done(got);
}

task<result<void>> starts_a_child(place* at) {
    auto holding = hold_the_pool(at);
    co_await std::move(holding);
    at->next_line();
    auto got = co_await child_process::start("true");
    co_return done(got);
}

constexpr wait_case cases[] = {
    {"accept", accepts, wait_kind::io},
    {"connect", connects, wait_kind::io},
    {"connect_address", connects_to_an_address, wait_kind::io},
    {"connect_name", connects_by_name, wait_kind::io},
    {"bind_name", binds_by_name, wait_kind::io},
    {"resolve", resolves, wait_kind::io},
    {"resolve_endpoint", resolves_an_endpoint, wait_kind::io},
    {"read_some", receives, wait_kind::io},
    {"wait_readable", waits_readable, wait_kind::io},
    {"write_some", sends, wait_kind::io},
    {"write_all", sends_all, wait_kind::io},
    {"unix_accept", accepts_unix, wait_kind::io},
    {"unix_connect", connects_unix, wait_kind::timer},
    {"open", opens, wait_kind::io},
    {"read_at", reads, wait_kind::io},
    {"write_at", writes, wait_kind::io},
    {"read_exactly_at", reads_exactly, wait_kind::io},
    {"write_all_at", writes_all, wait_kind::io},
    {"sync", syncs, wait_kind::io},
    {"status", asks_for_status, wait_kind::io},
    {"close", closes, wait_kind::blocking},
    {"remove", removes, wait_kind::io},
    {"list", lists, wait_kind::io},
    {"sync_directory", syncs_a_directory, wait_kind::io},
    {"receive_from", receives_a_packet, wait_kind::io, true},
    {"receive_with_fds", receives_descriptors, wait_kind::io, true},
    {"pipe", reads_a_pipe, wait_kind::io, true},
    {"poll_fd", polls_a_descriptor, wait_kind::io, true},
    {"signal", waits_for_a_signal, wait_kind::io, true},
    {"child_exit", waits_for_a_child, wait_kind::io, true},
    {"child_start", starts_a_child, wait_kind::blocking, true},
};

}  // namespace

std::span<const wait_case> waits_for_io() {
    return cases;
}

}  // namespace drama
