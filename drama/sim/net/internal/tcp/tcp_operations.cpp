// SPDX-License-Identifier: Apache-2.0
// What operations do on a simulated socket, and what poll reports. The connection itself is in
// tcp_socket.cpp.
#include "drama/sim/net/internal/tcp/tcp_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "drama/sim/internal/descriptor_table.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"

namespace drama::inline v0::internal {

std::int64_t tcp_socket::attempt(operation& op, bool again) noexcept {
    payer_ = op.code == op_code::accept || op.payer == nullptr ? payer_ : op.payer;
    switch (op.code) {
        case op_code::accept:
            return attempt_accept(op);
        case op_code::connect:
            return attempt_connect(op, again);
        case op_code::recv:
            return receive(op.buffer, op.length, op.flags);
        case op_code::read:
            return receive(op.buffer, op.length, 0);
        case op_code::send:
        case op_code::write:
            return send(op.buffer, op.length);
        case op_code::recv_msg:
            return receive_message(op);
        case op_code::send_msg:
            return send_message(op);
        default:
            return -EINVAL;
    }
}

std::int64_t tcp_socket::attempt_accept(operation& op) noexcept {
    if (phase_ != phase::listening) {
        return -EINVAL;
    }
    if (listening_->queue.empty()) {
        return not_yet;
    }
    if (const auto error = network_.decide({.kind = fault_kind::accept_fails,
                                            .site = "tcp.accept",
                                            .payer = op.payer,
                                            .node = kind_.node})) {
        return -*error;
    }
    tcp_socket& child = *listening_->queue.front();
    const int made = network_.add_fd(child, table()->owner_of(op.fd));
    if (made < 0) {
        return made;
    }
    child.leave_listener();
    tell_address(child.peer_, op.address, op.address_length_out);
    return made;
}

std::int64_t tcp_socket::attempt_connect(operation& op, bool again) noexcept {
    switch (phase_) {
        case phase::connected:
            return again ? 0 : -EISCONN;
        case phase::connecting:
            return not_yet;
        case phase::listening:
            return -EISCONN;
        case phase::dead:
        case phase::fresh:
            break;
    }
    if (again) {
        return error_ != 0 ? -take_error() : -ECONNABORTED;
    }
    if (op.address == nullptr || op.length < sizeof(sa_family_t)) {
        return -EINVAL;
    }
    if (op.address->sa_family != family()) {
        return -EAFNOSUPPORT;
    }
    peer_ = socket_address(op.address, static_cast<socklen_t>(op.length));
    if (!is_bound_) {
        network_.bind_for(*this, peer_);
    }
    take_error();
    phase_ = phase::connecting;
    tries_ = 0;
    handshake_at_ = handshake_step::asks;
    out_ = &network_.paths().between(local_, peer_);
    in_ = &network_.paths().between(peer_, local_);
    payer_ = op.payer;
    if (!fails_to_connect()) {
        network_.scheduler().schedule(handshake_, network_.arrival_ns(*out_, 0));
    }
    return not_yet;
}

std::int64_t tcp_socket::limit_receive(std::size_t length) noexcept {
    if (ask(fault_kind::buffers_exhausted, "tcp.recv")) {
        return -ENOBUFS;
    }
    if (const auto most = ask(fault_kind::short_transfer, "tcp.recv"); most && *most > 0) {
        length = std::min(length, static_cast<std::size_t>(*most));
    }
    return static_cast<std::int64_t>(shorten(std::min(length, readable_)));
}

std::int64_t tcp_socket::receive(void* into, std::size_t length, int flags) noexcept {
    if (phase_ == phase::fresh || phase_ == phase::listening) {
        return -ENOTCONN;
    }
    if (readable_ != 0) {
        const std::int64_t limit = limit_receive(length);
        if (limit <= 0) {
            return limit;
        }
        const auto count = static_cast<std::size_t>(limit);
        received_.peek(into, count, 0);
        if ((flags & MSG_PEEK) == 0) {
            received_.drop(count);
            readable_ -= count;
            if (other_ != nullptr && other_->is_open_) {
                other_->serve();  // there is room again
            }
        }
        return static_cast<std::int64_t>(count);
    }
    if (error_ != 0) {
        return -take_error();
    }
    return end_arrived_ || read_shut_ || phase_ == phase::dead ? 0 : not_yet;
}

std::size_t tcp_socket::room() const noexcept {
    const std::size_t most = network_.options().buffer_bytes;
    return other_ == nullptr || !other_->is_open_
               ? most
               : window(most - std::min(most, other_->received_.size()));
}

std::int64_t tcp_socket::send(const void* from, std::size_t length) noexcept {
    if (error_ != 0) {
        return -take_error();
    }
    if (phase_ == phase::connecting) {
        return not_yet;
    }
    if (phase_ != phase::connected || write_shut_) {
        return -EPIPE;
    }
    std::size_t count = std::min(length, room());
    count = count == 0 ? 0 : shorten(limit_send(count));
    if (count == 0) {
        return length == 0 ? 0 : not_yet;
    }
    pass(from, count);
    return static_cast<std::int64_t>(count);
}

std::int64_t tcp_socket::receive_message(operation& op) noexcept {
    std::int64_t total = 0;
    op.message->msg_namelen = 0;
    op.message->msg_controllen = 0;
    op.message->msg_flags = 0;
    for (std::size_t i = 0; i < op.message->msg_iovlen; ++i) {
        const iovec& part = op.message->msg_iov[i];
        if (part.iov_len == 0) {
            continue;
        }
        const std::int64_t got =
            total != 0 && readable_ == 0 ? not_yet : receive(part.iov_base, part.iov_len, op.flags);
        if (got <= 0) {
            return total != 0 ? total : got;
        }
        total += got;
        if (static_cast<std::size_t>(got) < part.iov_len || (op.flags & MSG_PEEK) != 0) {
            break;
        }
    }
    return total;
}

std::int64_t tcp_socket::send_message(operation& op) noexcept {
    std::int64_t total = 0;
    for (std::size_t i = 0; i < op.message->msg_iovlen; ++i) {
        const iovec& part = op.message->msg_iov[i];
        const std::int64_t sent = send(part.iov_base, part.iov_len);
        if (sent < 0) {
            return total != 0 ? total : sent;
        }
        total += sent;
        if (static_cast<std::size_t>(sent) < part.iov_len) {
            break;
        }
    }
    return total;
}

bool tcp_socket::may_serve_writers() noexcept {
    return phase_ != phase::connected || error_ != 0 || write_shut_ ||
           room() >= network_.options().buffer_bytes / 3;
}

int tcp_socket::events() noexcept {
    if (phase_ == phase::listening) {
        return listening_->queue.empty() ? 0 : POLLIN | POLLRDNORM;
    }
    int found = error_ != 0 ? POLLERR : 0;
    if (phase_ == phase::connecting) {
        return found;
    }
    if (phase_ != phase::connected) {
        found |= POLLHUP | POLLOUT | POLLWRNORM;
        return phase_ == phase::dead ? found | POLLIN | POLLRDNORM | POLLRDHUP : found;
    }
    const bool no_more = end_arrived_ || read_shut_;
    if (readable_ != 0 || no_more || error_ != 0) {
        found |= POLLIN | POLLRDNORM;
    }
    if (no_more) {
        found |= POLLRDHUP | (write_shut_ ? POLLHUP : 0);
    }
    return may_serve_writers() ? found | POLLOUT | POLLWRNORM : found;
}

}  // namespace drama::inline v0::internal
