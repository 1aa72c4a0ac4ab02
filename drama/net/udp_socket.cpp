// SPDX-License-Identifier: Apache-2.0
#include "drama/net/udp_socket.hpp"

#include <utility>
#include <vector>

#include "drama/net/resolve.hpp"

namespace drama::inline v0 {
namespace internal {

void packet_wait::fill(int descriptor, void* bytes, std::size_t count) noexcept {
    part_ = {bytes, count};
    message_.msg_iov = &part_;
    message_.msg_iovlen = 1;
    op().fd = descriptor;
    op().message = &message_;
}

send_to_wait::send_to_wait(int descriptor, std::span<const std::byte> bytes,
                           const socket_address& to, std::source_location at) noexcept
    : packet_wait(op_code::send_msg, work_class::write, at) {
    fill(descriptor, const_cast<std::byte*>(bytes.data()), bytes.size());
    if (to.size() != 0) {
        address_ = to;
        message_.msg_name = address_.data();
        message_.msg_namelen = address_.size();
    }
}

result<void> send_to_wait::await_resume() noexcept {
    const auto finished = finish();
    if (!finished) {
        return fail(net_error(finished.error()));
    }
    return {};
}

receive_from_wait::receive_from_wait(int descriptor, std::span<std::byte> into,
                                     std::source_location at) noexcept
    : packet_wait(op_code::recv_msg, work_class::read, at) {
    fill(descriptor, into.data(), into.size());
    address_.prepare_output();
    message_.msg_name = address_.data();
    message_.msg_namelen = address_.size();
}

result<datagram> receive_from_wait::await_resume() noexcept {
    const auto finished = finish();
    if (!finished) {
        return fail(net_error(finished.error()));
    }
    datagram got;
    got.bytes = static_cast<std::size_t>(*finished);
    got.is_truncated = (message_.msg_flags & MSG_TRUNC) != 0;
    got.from = socket_address(address_.data(), message_.msg_namelen);
    return got;
}

}  // namespace internal

task<result<udp_socket>> udp_socket::bind(endpoint where, std::source_location from) {
    auto lookup = resolve(std::move(where), SOCK_DGRAM, from);
    auto found = co_await std::move(lookup);
    if (!found) {
        co_return fail(found.error());
    }
    io_system& io = internal::current_io();
    std::error_code error;
    for (const socket_address& address : *found) {
        auto opened = io.open_socket(address.family(), SOCK_DGRAM, 0);
        if (!opened) {
            error = opened.error();
            continue;
        }
        io_fd socket(io, *opened);
        auto bound = io.bind(*opened, address);
        if (bound) {
            co_return udp_socket(std::move(socket));
        }
        error = bound.error();
    }
    co_return fail(error);
}

task<result<udp_socket>> udp_socket::connect(endpoint peer, std::source_location from) {
    auto lookup = resolve(std::move(peer), SOCK_DGRAM, from);
    auto found = co_await std::move(lookup);
    if (!found) {
        co_return fail(found.error());
    }
    socket_address address = found->front();
    io_system& io = internal::current_io();
    auto opened = io.open_socket(address.family(), SOCK_DGRAM, 0);
    if (!opened) {
        co_return fail(opened.error());
    }
    io_fd socket(io, *opened);
    io_wait connect(op_code::connect, work_class::write, from);
    connect.op().fd = socket.get();
    connect.op().address = address.data();
    connect.op().length = address.size();
    auto connected = co_await connect;
    if (!connected) {
        co_return fail(connected.error());
    }
    co_return udp_socket(std::move(socket));
}

}  // namespace drama::inline v0
