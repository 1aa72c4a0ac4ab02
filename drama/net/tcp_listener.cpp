// SPDX-License-Identifier: Apache-2.0
#include "drama/net/tcp_listener.hpp"

#include <cerrno>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/tcp.h>

#include "drama/net/internal/accept_gate.hpp"
#include "drama/net/resolve.hpp"

namespace drama::inline v0 {
namespace {

result<io_fd> listen_at(io_system& io, const socket_address& where, const listen_options& options) {
    DRAMA_TRY(const int opened, io.open_socket(where.family(), SOCK_STREAM, 0));
    io_fd socket(io, opened);
    const auto set = [&](int level, int option) { return io.set_option(opened, level, option, 1); };
    if (auto done = set(SOL_SOCKET, SO_REUSEADDR); !done) {
        return fail(done.error());
    }
    if (options.reuse_port) {
        if (auto done = set(SOL_SOCKET, SO_REUSEPORT); !done) {
            return fail(done.error());
        }
    }
    if (options.no_delay) {  // accepted sockets inherit it: no call for each of them
        if (auto done = set(IPPROTO_TCP, TCP_NODELAY); !done) {
            return fail(done.error());
        }
    }
    if (auto bound = io.bind(opened, where); !bound) {
        return fail(bound.error());
    }
    if (auto listening = io.listen(opened, options.backlog); !listening) {
        return fail(listening.error());
    }
    return socket;
}

result<int> family_of_listening(io_system& io, int fd) {
    DRAMA_TRY(const int type, io.get_option(fd, SOL_SOCKET, SO_TYPE));
    if (type != SOCK_STREAM) {
        return fail(errno_code(EPROTOTYPE));
    }
    DRAMA_TRY(const socket_address address, io.local_address(fd));
    if (address.family() != AF_INET && address.family() != AF_INET6) {
        return fail(errno_code(EAFNOSUPPORT));
    }
    DRAMA_TRY(const int listens, io.get_option(fd, SOL_SOCKET, SO_ACCEPTCONN));
    if (listens == 0) {
        return fail(errno_code(EINVAL));
    }
    return address.family();
}

}  // namespace

tcp_listener::tcp_listener() noexcept = default;
tcp_listener::tcp_listener(tcp_listener&&) noexcept = default;
tcp_listener& tcp_listener::operator=(tcp_listener&&) noexcept = default;
tcp_listener::~tcp_listener() = default;

task<result<tcp_listener>> tcp_listener::bind(endpoint where, listen_options options,
                                              std::source_location from) {
    auto lookup = resolve(std::move(where), SOCK_STREAM, from);
    auto found = co_await std::move(lookup);
    if (!found) {
        co_return fail(found.error());
    }
    io_system& io = internal::current_io();
    std::error_code error;
    for (const socket_address& address : *found) {
        auto socket = listen_at(io, address, options);
        if (!socket) {
            error = socket.error();
            continue;
        }
        tcp_listener made;
        made.gate_.reset(new internal::accept_gate(*std::move(socket), address.family()));
        co_return std::move(made);
    }
    co_return fail(error);
}

result<tcp_listener> tcp_listener::adopt(int fd, listen_options options) {
    io_system& io = internal::current_io();
    DRAMA_TRY(const int family, family_of_listening(io, fd));
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return fail(errno_code(errno));
    }
    if (options.no_delay) {
        if (auto done = io.set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); !done) {
            return fail(done.error());
        }
    }
    tcp_listener made;
    made.gate_.reset(new internal::accept_gate(io_fd(io, fd), family));
    return made;
}

task<result<tcp_stream>> tcp_listener::accept(std::source_location where) {
    DRAMA_ASSERT(is_open(), "accept on a listener that was closed or moved from");
    return internal::accept_from<tcp_stream>(gate_.get(), where);
}

result<socket_address> tcp_listener::local() const {
    return gate_->listener().io().local_address(gate_->listener().get());
}

std::uint64_t tcp_listener::refused_for_descriptors() const noexcept {
    return gate_ == nullptr ? 0 : gate_->refused();
}

bool tcp_listener::is_open() const noexcept {
    return gate_ != nullptr && static_cast<bool>(gate_->listener());
}

int tcp_listener::fd() const noexcept {
    return gate_ == nullptr ? -1 : gate_->listener().get();
}

void tcp_listener::close() noexcept {
    if (gate_ != nullptr) {
        gate_->close();
    }
}

}  // namespace drama::inline v0
