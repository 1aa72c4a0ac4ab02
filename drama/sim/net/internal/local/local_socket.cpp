// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/internal/local/local_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "drama/sim/internal/descriptor_table.hpp"
#include "drama/sim/net/internal/local/local_names.hpp"

namespace drama::inline v0::internal {

void local_socket::connect(local_socket& one, local_socket& other) {
    const std::size_t bytes_max = one.network_.options().buffer_bytes;
    one.out_ = other.in_ = std::make_shared<local_stream>(bytes_max);
    one.in_ = other.out_ = std::make_shared<local_stream>(bytes_max);
    one.out_->writer = one.in_->reader = &one;
    other.out_->writer = other.in_->reader = &other;
}

std::int64_t local_socket::attempt(operation& op, bool) noexcept {
    switch (op.code) {
        case op_code::accept:
            return attempt_accept(op);
        case op_code::connect:
            return attempt_connect(op);
        case op_code::recv:
            return receive(op, op.flags);
        case op_code::read:
            return receive(op, 0);
        case op_code::send:
        case op_code::write:
            return send({op.buffer, op.length}, {}, op.payer);
        case op_code::recv_msg:
            return receive_message(op);
        case op_code::send_msg:
            return send_message(op);
        default:
            return -EINVAL;
    }
}

std::int64_t local_socket::attempt_accept(operation& op) noexcept {
    if (listening_ == nullptr) {
        return -EINVAL;
    }
    if (listening_->queue.empty()) {
        return not_yet;
    }
    if (const auto error = ask(fault_kind::accept_fails, "unix.accept", op.payer)) {
        return -*error;
    }
    local_socket& child = *listening_->queue.front();
    const int made = network_.add_fd(child, table()->owner_of(op.fd));
    if (made < 0) {
        return made;
    }
    listening_->queue.front().release();
    listening_->queue.pop_front();
    tell_address(child.peer_, op.address, op.address_length_out);
    return made;
}

std::int64_t local_socket::attempt_connect(operation& op) noexcept {
    if (is_connected() || listening_ != nullptr) {
        return -EISCONN;
    }
    if (op.address == nullptr || op.length < sizeof(sa_family_t) ||
        op.address->sa_family != AF_UNIX) {
        return -EINVAL;
    }
    if (const auto error = ask(fault_kind::connect_fails, "unix.connect", op.payer)) {
        return -*error;
    }
    const socket_address target(op.address, static_cast<socklen_t>(op.length));
    const auto found = network_.locals().find(kind_.node, target);
    if (!found) {
        return -found.error().value();
    }
    auto* const listener = dynamic_cast<local_socket*>(*found);
    if (listener == nullptr || listener->listening_ == nullptr) {
        return listener == nullptr ? -EPROTOTYPE : -ECONNREFUSED;
    }
    if (listener->listening_->queue.size() > listener->listening_->backlog) {
        return -EAGAIN;
    }
    auto child = std::make_unique<local_socket>(network_, listener->kind());
    connect(*this, *child);
    child->local_ = peer_ = target;
    child->peer_ = local_;
    network_.count_connection();
    listener->listening_->queue.push_back(std::move(child));
    listener->serve_soon();
    return 0;
}

result<void> local_socket::listen(int backlog) {
    if (is_connected() || !is_bound_) {
        return fail(errno_code(EINVAL));
    }
    if (listening_ == nullptr) {
        listening_ = std::make_unique<listening>();
    }
    listening_->backlog = static_cast<std::size_t>(std::clamp(backlog, 0, 4096));
    return {};
}

std::optional<std::int64_t> local_socket::ask(fault_kind kind, std::string_view site,
                                              const account* payer) noexcept {
    return network_.decide({.kind = kind, .site = site, .payer = payer, .node = kind_.node});
}

std::size_t local_socket::limited(std::size_t count, std::string_view site,
                                  const account* payer) noexcept {
    const auto most = ask(fault_kind::short_transfer, site, payer);
    return shorten(most && *most > 0 ? std::min(count, static_cast<std::size_t>(*most)) : count);
}

std::int64_t local_socket::readable(std::size_t wanted, const account* payer) noexcept {
    if (in_ == nullptr) {
        return listening_ != nullptr ? -EINVAL : -ENOTCONN;
    }
    if (const std::size_t count = in_->readable(wanted); count != 0) {
        if (ask(fault_kind::buffers_exhausted, "unix.recv", payer)) {
            return -ENOBUFS;
        }
        return static_cast<std::int64_t>(limited(count, "unix.recv", payer));
    }
    if (error_ != 0) {
        return -take_error();
    }
    return read_shut_ || in_->writer == nullptr || wanted == 0 ? 0 : not_yet;
}

std::int64_t local_socket::receive(operation& op, int flags) noexcept {
    const std::int64_t count = readable(op.length, op.payer);
    if (count <= 0) {
        return count;
    }
    if ((flags & MSG_PEEK) != 0) {
        in_->peek(op.buffer, static_cast<std::size_t>(count));
        return count;
    }
    in_->take(op.buffer,
              static_cast<std::size_t>(count));  // descriptors nobody asked for are closed
    if (in_->writer != nullptr) {
        in_->writer->serve_soon();
    }
    return count;
}

std::int64_t local_socket::receive_message(operation& op) noexcept {
    msghdr& message = *op.message;
    message.msg_namelen = 0;
    message.msg_flags = 0;
    if (message.msg_iovlen == 0) {
        message.msg_controllen = 0;
        return 0;
    }
    const iovec& part = message.msg_iov[0];
    const std::int64_t count = readable(part.iov_len, op.payer);
    if (count <= 0) {
        message.msg_controllen = count == not_yet ? message.msg_controllen : 0;
        return count;
    }
    const passed_descriptors with = in_->take(part.iov_base, static_cast<std::size_t>(count));
    hand_out(with, message, table()->owner_of(op.fd));
    if (in_->writer != nullptr) {
        in_->writer->serve_soon();
    }
    return count;
}

void local_socket::hand_out(const passed_descriptors& what, msghdr& message,
                            sim_process& to) noexcept {
    const std::size_t room = message.msg_control == nullptr ? 0 : message.msg_controllen;
    std::size_t given = 0;
    cmsghdr* const header = room < CMSG_LEN(sizeof(int)) ? nullptr : CMSG_FIRSTHDR(&message);
    for (sim_descriptor* const each : what.all()) {
        const bool fits = header != nullptr && CMSG_LEN((given + 1) * sizeof(int)) <= room;
        const int number = fits ? network_.add_fd(*each, to) : -1;
        if (number < 0) {
            message.msg_flags |= MSG_CTRUNC;
            break;
        }
        std::memcpy(CMSG_DATA(header) + given * sizeof number, &number, sizeof number);
        ++given;
    }
    message.msg_controllen = 0;
    if (given != 0) {
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(given * sizeof(int));
        message.msg_controllen = CMSG_SPACE(given * sizeof(int));
    }
}

std::int64_t local_socket::send(const iovec& part, passed_descriptors with,
                                const account* payer) noexcept {
    if (error_ != 0) {
        return -take_error();
    }
    if (out_ == nullptr) {
        return -ENOTCONN;
    }
    if (write_shut_ || out_->reader == nullptr) {
        return -EPIPE;
    }
    const std::size_t count = std::min(part.iov_len, out_->room());
    if (count == 0) {
        return part.iov_len == 0 ? 0 : not_yet;
    }
    const std::size_t moved = limited(count, "unix.send", payer);
    if (with.all().empty()) {
        out_->push(part.iov_base, moved);
    } else {
        out_->push(part.iov_base, moved, std::move(with));
    }
    out_->reader->serve_soon();
    return static_cast<std::int64_t>(moved);
}

bool local_socket::collect(const msghdr& message, passed_descriptors& into) noexcept {
    auto* const all = const_cast<msghdr*>(&message);  // the macros want it so
    for (cmsghdr* header = message.msg_control == nullptr ? nullptr : CMSG_FIRSTHDR(all);
         header != nullptr; header = CMSG_NXTHDR(all, header)) {
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; header->cmsg_type == SCM_RIGHTS && i < count; ++i) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(header) + i * sizeof number, sizeof number);
            sim_descriptor* const what = network_.find(number);
            if (what == nullptr) {
                return false;
            }
            into.add(*what);
        }
    }
    return true;
}

std::int64_t local_socket::send_message(operation& op) noexcept {
    passed_descriptors with(network_.table());
    if (!collect(*op.message, with)) {
        return -EBADF;
    }
    std::int64_t total = 0;
    for (std::size_t i = 0; i < op.message->msg_iovlen; ++i) {
        const iovec& part = op.message->msg_iov[i];
        const std::int64_t sent = send(part, std::move(with), op.payer);
        if (sent < 0) {
            return total != 0 ? total : sent;
        }
        total += sent;
        if (static_cast<std::size_t>(sent) < part.iov_len) {
            break;
        }
        with = passed_descriptors(network_.table());
    }
    return total;
}

result<void> local_socket::shutdown(int how) noexcept {
    if (!is_connected()) {
        return fail(errno_code(ENOTCONN));
    }
    if (how != SHUT_RD && !std::exchange(write_shut_, true)) {
        out_->writer = nullptr;
        if (out_->reader != nullptr) {
            out_->reader->serve_soon();
        }
    }
    read_shut_ = read_shut_ || how != SHUT_WR;
    serve_soon();
    return {};
}

// The other end learns that this one is gone, and by an error that its bytes were not read.
void local_socket::leave(bool has_unread) noexcept {
    auto* const other = static_cast<local_socket*>(in_->writer != nullptr    ? in_->writer
                                                   : out_->reader != nullptr ? out_->reader
                                                                             : nullptr);
    in_->reader = nullptr;
    in_->discard();
    out_->writer = nullptr;
    if (other != nullptr) {
        if (has_unread) {
            other->error_ = ECONNRESET;
        }
        other->serve_soon();
    }
}

void local_socket::on_close() noexcept {
    network_.locals().forget(*this);
    if (listening_ != nullptr) {
        for (const auto& child : listening_->queue) {
            child->leave(true);
        }
        listening_.reset();
    }
    if (is_connected()) {
        leave(in_->size() != 0);
    }
    network_.table().bury(*this);
}

bool local_socket::may_serve_writers() noexcept {
    return out_ == nullptr || error_ != 0 || write_shut_ || out_->reader == nullptr ||
           out_->room() >= network_.options().buffer_bytes / 3;
}

int local_socket::events() noexcept {
    if (listening_ != nullptr) {
        return listening_->queue.empty() ? 0 : POLLIN | POLLRDNORM;
    }
    int found = error_ != 0 ? POLLERR : 0;
    if (in_ == nullptr) {
        return found | POLLHUP | POLLOUT | POLLWRNORM;
    }
    const bool no_more = read_shut_ || in_->writer == nullptr;
    if (in_->size() != 0 || no_more || error_ != 0) {
        found |= POLLIN | POLLRDNORM;
    }
    const bool is_over = no_more && (write_shut_ || out_->reader == nullptr);
    found |= (no_more ? POLLRDHUP : 0) | (is_over ? POLLHUP : 0);
    return may_serve_writers() ? found | POLLOUT | POLLWRNORM : found;
}

}  // namespace drama::inline v0::internal
