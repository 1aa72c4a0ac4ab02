// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/internal/datagram/datagram_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "drama/sim/internal/descriptor_table.hpp"
#include "drama/sim/net/internal/datagram/datagram_flights.hpp"
#include "drama/sim/net/internal/local/local_names.hpp"

namespace drama::inline v0::internal {
namespace {

constexpr std::size_t local_packets_max = 10;  // as net.unix.max_dgram_qlen

}  // namespace

void datagram_socket::connect(datagram_socket& one, datagram_socket& other) noexcept {
    one.partner_ = &other;
    other.partner_ = &one;
    one.is_connected_ = other.is_connected_ = true;
}

std::int64_t datagram_socket::attempt(operation& op, bool) noexcept {
    iovec part{op.buffer, op.length};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    switch (op.code) {
        case op_code::connect:
            return attempt_connect(op);
        case op_code::recv:
            return receive(message, op.flags);
        case op_code::read:
            return receive(message, 0);
        case op_code::send:
        case op_code::write:
            return send(message, op.payer);
        case op_code::recv_msg:
            return receive(*op.message, op.flags);
        case op_code::send_msg:
            return send(*op.message, op.payer);
        default:
            return op.code == op_code::accept ? -EOPNOTSUPP : -EINVAL;
    }
}

std::int64_t datagram_socket::attempt_connect(const operation& op) noexcept {
    if (op.address == nullptr || op.length < sizeof(sa_family_t)) {
        return -EINVAL;
    }
    if (op.address->sa_family != family()) {
        return -EAFNOSUPPORT;
    }
    const socket_address target(op.address, static_cast<socklen_t>(op.length));
    if (family() == AF_UNIX) {
        if (const auto found = network_.locals().find(kind_.node, target); !found) {
            return -found.error().value();
        }
    } else if (!is_bound_) {
        network_.bind_for(*this, target);
    }
    peer_ = target;
    is_connected_ = true;
    return 0;
}

std::int64_t datagram_socket::send(const msghdr& message, const account* payer) noexcept {
    if (error_ != 0) {
        return -take_error();
    }
    if (write_shut_) {
        return -EPIPE;
    }
    socket_address to = peer_;
    if (message.msg_name != nullptr && message.msg_namelen != 0) {
        to = socket_address(static_cast<const sockaddr*>(message.msg_name), message.msg_namelen);
        if (to.family() != family()) {
            return -EAFNOSUPPORT;
        }
    } else if (!is_connected_) {
        return family() == AF_UNIX ? -ENOTCONN : -EDESTADDRREQ;
    }
    datagram_packet packet;
    for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
        const auto* const from = static_cast<const std::byte*>(message.msg_iov[i].iov_base);
        packet.bytes.insert(packet.bytes.end(), from, from + message.msg_iov[i].iov_len);
    }
    const auto count = static_cast<std::int64_t>(packet.bytes.size());
    const std::size_t most = family() == AF_UNIX ? network_.options().buffer_bytes : udp_bytes_max;
    if (packet.bytes.size() > most) {
        return -EMSGSIZE;
    }
    if (family() == AF_UNIX) {
        packet.from = local_;
        return send_local(to, std::move(packet));
    }
    if (!is_bound_) {
        network_.bind_for(*this, to);
    }
    packet.from = local_;
    network_.flights().send(*this, to, std::move(packet), payer);
    return count;
}

std::int64_t datagram_socket::send_local(const socket_address& to,
                                         datagram_packet packet) noexcept {
    datagram_socket* target = partner_;
    if (target == nullptr && is_connected_ && to.size() == 0) {
        return -ECONNREFUSED;  // the other one of a pair is gone
    }
    if (target == nullptr) {
        const auto found = network_.locals().find(kind_.node, to);
        if (!found) {
            return -found.error().value();
        }
        target = dynamic_cast<datagram_socket*>(*found);
        if (target == nullptr) {
            return -EPROTOTYPE;
        }
    }
    if (!target->has_room()) {
        if (waits_for_ != target) {
            waits_for_ = target;
            target->senders_.push_back(this);
        }
        return not_yet;
    }
    const auto count = static_cast<std::int64_t>(packet.bytes.size());
    target->deliver(std::move(packet));
    return count;
}

bool datagram_socket::has_room() const noexcept {
    return family() == AF_UNIX ? packets_.size() <= local_packets_max
                               : bytes_held_ < network_.options().buffer_bytes;
}

void datagram_socket::deliver(datagram_packet packet) {
    if (!has_room() || read_shut_) {
        return;
    }
    bytes_held_ += packet.bytes.size();
    packets_.push_back(std::move(packet));
    serve_soon();
}

void datagram_socket::report_refused(const socket_address& by) noexcept {
    if (is_connected_ && by.to_string() == peer_.to_string()) {
        error_ = ECONNREFUSED;
        serve_soon();
    }
}

std::int64_t datagram_socket::receive(msghdr& message, int flags) noexcept {
    if (error_ != 0) {
        return -take_error();
    }
    if (packets_.empty()) {
        return read_shut_ ? 0 : not_yet;
    }
    const datagram_packet& packet = packets_.front();
    std::size_t done = 0;
    for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
        const iovec& part = message.msg_iov[i];
        const std::size_t count = std::min(part.iov_len, packet.bytes.size() - done);
        std::copy_n(packet.bytes.data() + done, count, static_cast<std::byte*>(part.iov_base));
        done += count;
    }
    message.msg_flags = done < packet.bytes.size() ? MSG_TRUNC : 0;
    message.msg_controllen = 0;
    unsigned room = message.msg_namelen;
    tell_address(packet.from, static_cast<sockaddr*>(message.msg_name), &room);
    message.msg_namelen = message.msg_name == nullptr ? 0 : room;
    const bool tells_all = (flags & MSG_TRUNC) != 0;
    const auto count = static_cast<std::int64_t>(tells_all ? packet.bytes.size() : done);
    if ((flags & MSG_PEEK) == 0) {
        bytes_held_ -= packet.bytes.size();
        packets_.pop_front();
        let_senders_go_on();
    }
    return count;
}

void datagram_socket::let_senders_go_on() noexcept {
    for (datagram_socket* const each : std::exchange(senders_, {})) {
        each->waits_for_ = nullptr;
        each->serve_soon();
    }
}

result<void> datagram_socket::shutdown(int how) noexcept {
    if (!is_connected_) {
        return fail(errno_code(ENOTCONN));
    }
    read_shut_ = read_shut_ || how != SHUT_WR;
    write_shut_ = write_shut_ || how != SHUT_RD;
    serve_soon();
    return {};
}

int datagram_socket::events() noexcept {
    return (packets_.empty() && !read_shut_ && error_ == 0 ? 0 : POLLIN | POLLRDNORM) |
           (error_ != 0 ? POLLERR : 0) | POLLOUT | POLLWRNORM;
}

void datagram_socket::on_close() noexcept {
    network_.hide(*this);
    network_.locals().forget(*this);
    if (partner_ != nullptr) {
        partner_->partner_ = nullptr;
        partner_->serve_soon();
    }
    if (waits_for_ != nullptr) {
        std::erase(waits_for_->senders_, this);
    }
    let_senders_go_on();
    network_.table().bury(*this);
}

}  // namespace drama::inline v0::internal
