// SPDX-License-Identifier: Apache-2.0
#include "drama/net/tcp_stream.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include <netinet/tcp.h>

#include "drama/net/resolve.hpp"

namespace drama::inline v0 {

tcp_stream::tcp_stream(io_fd socket, const socket_address& peer) noexcept
    : socket_(std::move(socket)) {
    const auto bytes = std::min<std::size_t>(peer.size(), sizeof peer_);
    std::memcpy(static_cast<void*>(&peer_), peer.data(), bytes);
}

result<void> tcp_stream::shutdown_write() {
    return socket_.io().shutdown(socket_.get(), SHUT_WR);
}

result<void> tcp_stream::set_no_delay(bool on) {
    return socket_.io().set_option(socket_.get(), IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0);
}

result<void> tcp_stream::set_keep_alive(bool on) {
    return socket_.io().set_option(socket_.get(), SOL_SOCKET, SO_KEEPALIVE, on ? 1 : 0);
}

result<socket_address> tcp_stream::local() const {
    return socket_.io().local_address(socket_.get());
}

socket_address tcp_stream::peer() const noexcept {
    const bool is_v6 = peer_.plain.sa_family == AF_INET6;
    return {&peer_.plain, static_cast<socklen_t>(is_v6 ? sizeof peer_.v6 : sizeof peer_.v4)};
}

task<result<tcp_stream>> tcp_connect(socket_address where, std::source_location from) {
    io_system& io = internal::current_io();
    auto opened = io.open_socket(where.family(), SOCK_STREAM, 0);
    if (!opened) {
        co_return fail(opened.error());
    }
    io_fd socket(io, *opened);
    io_wait handshake(op_code::connect, work_class::write, from);
    handshake.op().fd = socket.get();
    handshake.op().address = where.data();
    handshake.op().length = where.size();
    auto connected = co_await handshake;
    if (!connected) {
        co_return fail(connected.error());
    }
    tcp_stream made(std::move(socket), where);
    // A peer that is gone already shows in the first read or write.
    static_cast<void>(made.set_no_delay(true));
    co_return std::move(made);
}

task<result<tcp_stream>> tcp_connect(endpoint where, std::source_location from) {
    auto lookup = resolve(std::move(where), SOCK_STREAM, from);
    auto found = co_await std::move(lookup);
    if (!found) {
        co_return fail(found.error());
    }
    runnable& self = co_await this_task();
    for (std::size_t i = 0;; ++i) {
        auto attempt = tcp_connect((*found)[i], from);
        auto made = co_await std::move(attempt);
        if (made || i + 1 == found->size() || self.is_stopping()) {
            co_return std::move(made);
        }
    }
}

}  // namespace drama::inline v0
