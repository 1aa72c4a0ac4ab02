// SPDX-License-Identifier: Apache-2.0
// Unix sockets: names, backlogs and descriptors that travel.
#include <cerrno>
#include <vector>

#include <unistd.h>

#include "drama/net/pipe.hpp"
#include "drama/net/unix_socket.hpp"
#include "tests/conformance/scenario.hpp"

namespace drama::conformance {
namespace {

task<result<void>> pair_carries_bytes(std::string) {
    DRAMA_CO_TRY(auto ends, unix_stream::make_pair());
    auto sent = co_await ends.first.write_all(bytes_of("local"));
    EXPECT_TRUE(sent);
    auto got = co_await read_text(&ends.second, 5);
    EXPECT_EQ(got.value_or("?"), "local");
    EXPECT_TRUE(ends.first.shutdown_write());
    auto end = co_await read_text(&ends.second, 1);
    EXPECT_EQ(end.value_or("?"), "");
    co_return done();
}

task<result<void>> exchange(std::string path) {
    auto listener = co_await unix_listener::bind(path);
    if (!listener) {
        co_return fail(listener.error());
    }
    auto client = co_await unix_stream::connect(path);
    auto server = co_await listener->accept();
    EXPECT_TRUE(client && server);
    if (client && server) {
        auto sent = co_await client->write_all(bytes_of("named"));
        EXPECT_TRUE(sent);
        auto got = co_await read_text(&*server, 5);
        EXPECT_EQ(got.value_or("?"), "named");
    }
    co_return done();
}

task<result<void>> listens_at_a_path(std::string directory) {
    co_return co_await exchange(directory + "/socket");
}

task<result<void>> listens_at_an_abstract_name(std::string directory) {
    co_return co_await exchange("@" + directory);
}

task<result<void>> misses_a_path(std::string directory) {
    auto made = co_await unix_stream::connect(directory + "/nothing");
    expect_error(made, ENOENT);
    co_return done();
}

task<result<void>> refuses_long_paths(std::string directory) {
    auto made = co_await unix_stream::connect(directory + std::string(200, 'p'));
    expect_error(made, errc::bad_argument);
    co_return done();
}

task<result<void>> listens_once_at_a_path(std::string directory) {
    const std::string path = directory + "/socket";
    DRAMA_CO_TRY(auto first, co_await unix_listener::bind(path));
    auto second = co_await unix_listener::bind(path);
    expect_error(second, EADDRINUSE);
    co_return done();
}

task<result<void>> is_refused_at_a_leftover(std::string directory) {
    const std::string path = directory + "/socket";
    DRAMA_CO_TRY(auto listener, co_await unix_listener::bind(path));
    listener.close();
    auto made = co_await unix_stream::connect(path);
    expect_error(made, ECONNREFUSED);
    co_return done();
}

task<result<void>> connect_many(std::string path, std::vector<unix_stream>* made, int count) {
    for (int i = 0; i < count; ++i) {
        auto stream = co_await unix_stream::connect(path);
        if (!stream) {
            co_return fail(stream.error());
        }
        made->push_back(*std::move(stream));
    }
    co_return done();
}

task<result<void>> accept_slowly(unix_listener* listener, int count) {
    for (int i = 0; i < count; ++i) {
        auto slept = co_await sleep_for(2ms);
        auto stream = co_await listener->accept();
        EXPECT_TRUE(slept && stream);
    }
    co_return done();
}

task<result<void>> waits_while_the_backlog_is_full(std::string directory) {
    const std::string path = directory + "/socket";
    DRAMA_CO_TRY(auto listener, co_await unix_listener::bind(path, 1));
    std::vector<unix_stream> made;
    auto both = co_await when_all(connect_many(path, &made, 8), accept_slowly(&listener, 8));
    EXPECT_TRUE(both);
    co_return done();
}

task<result<void>> passes_a_descriptor(std::string) {
    DRAMA_CO_TRY(auto ends, unix_stream::make_pair());
    DRAMA_CO_TRY(auto channel, make_pipe());
    const std::array<int, 1> passed{channel.writer.fd()};
    DRAMA_CO_TRY(const std::size_t sent, co_await ends.first.send_with_fds(bytes_of("fd"), passed));
    EXPECT_EQ(sent, 2U);
    channel.writer.close();
    std::array<std::byte, 8> buffer;
    DRAMA_CO_TRY(auto got, co_await ends.second.receive_with_fds(buffer));
    EXPECT_EQ(text_of(std::span(buffer).first(got.bytes)), "fd");
    EXPECT_EQ(got.fds.size(), 1U);
    EXPECT_FALSE(got.fds_were_lost);
    if (got.fds.size() == 1) {
        pipe_writer writer(io_fd(internal::current_io(), got.fds[0].release()));
        auto wrote = co_await writer.write_all(bytes_of("through it"));
        EXPECT_TRUE(wrote);
    }
    auto through = co_await read_text(&channel.reader, 100);
    EXPECT_EQ(through.value_or("?"), "through it");
    co_return done();
}

task<result<void>> passes_as_many_as_it_may(std::string) {
    DRAMA_CO_TRY(auto ends, unix_stream::make_pair());
    std::array<int, passed_fds_max> passed;
    passed.fill(ends.first.fd());
    auto sent = co_await ends.first.send_with_fds(bytes_of("x"), passed);
    EXPECT_TRUE(sent);
    std::array<std::byte, 8> buffer;
    DRAMA_CO_TRY(const auto got, co_await ends.second.receive_with_fds(buffer));
    EXPECT_EQ(got.fds.size(), passed_fds_max);
    EXPECT_FALSE(got.fds_were_lost);
    co_return done();
}

task<result<void>> receives_no_descriptor_that_was_not_sent(std::string) {
    DRAMA_CO_TRY(auto ends, unix_stream::make_pair());
    auto sent = co_await ends.first.write_all(bytes_of("plain"));
    EXPECT_TRUE(sent);
    std::array<std::byte, 8> buffer;
    DRAMA_CO_TRY(const auto got, co_await ends.second.receive_with_fds(buffer));
    EXPECT_EQ(got.bytes, 5U);
    EXPECT_TRUE(got.fds.empty());
    ends.first.close();
    DRAMA_CO_TRY(const auto end, co_await ends.second.receive_with_fds(buffer));
    EXPECT_EQ(end.bytes, 0U);
    co_return done();
}

task<result<void>> refuses_to_pass_what_is_not_open(std::string) {
    DRAMA_CO_TRY(auto ends, unix_stream::make_pair());
    const std::array<int, 1> passed{-1};
    auto sent = co_await ends.first.send_with_fds(bytes_of("x"), passed);
    expect_error(sent, EBADF);
    co_return done();
}

}  // namespace

std::span<const scenario> unix_scenarios() {
    static constexpr scenario all[] = {
        {"unix_pair_carries_bytes", pair_carries_bytes},
        {"unix_listens_at_a_path", listens_at_a_path},
        {"unix_listens_at_an_abstract_name", listens_at_an_abstract_name},
        {"unix_misses_a_path", misses_a_path},
        {"unix_refuses_long_paths", refuses_long_paths},
        {"unix_listens_once_at_a_path", listens_once_at_a_path},
        {"unix_is_refused_at_a_leftover", is_refused_at_a_leftover},
        {"unix_waits_while_the_backlog_is_full", waits_while_the_backlog_is_full},
        {"unix_passes_a_descriptor", passes_a_descriptor},
        {"unix_passes_as_many_as_it_may", passes_as_many_as_it_may},
        {"unix_receives_none_that_was_not_sent", receives_no_descriptor_that_was_not_sent},
        {"unix_refuses_to_pass_what_is_not_open", refuses_to_pass_what_is_not_open},
    };
    return all;
}

}  // namespace drama::conformance
