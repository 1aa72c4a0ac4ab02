// SPDX-License-Identifier: Apache-2.0
#include "drama/net/unix_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include <sys/socket.h>

#include "drama/net/internal/accept_gate.hpp"

namespace drama::inline v0 {
namespace internal {

void fds_wait::fill(int descriptor, void* bytes, std::size_t count) noexcept {
    part_ = {bytes, count};
    message_.msg_iov = &part_;
    message_.msg_iovlen = 1;
    op().fd = descriptor;
    op().message = &message_;
}

send_fds_wait::send_fds_wait(int descriptor, std::span<const std::byte> bytes,
                             std::span<const int> fds, std::source_location at) noexcept
    : fds_wait(op_code::send_msg, work_class::write, at) {
    DRAMA_ASSERT(fds.size() <= passed_fds_max, "more descriptors than one message carries");
    fill(descriptor, const_cast<std::byte*>(bytes.data()), bytes.size());
    if (fds.empty()) {
        return;
    }
    message_.msg_control = control_.data();
    message_.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message_);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
}

result<std::size_t> send_fds_wait::await_resume() noexcept {
    const auto finished = finish();
    if (!finished) {
        return fail(net_error(finished.error()));
    }
    return static_cast<std::size_t>(*finished);
}

receive_fds_wait::receive_fds_wait(int descriptor, std::span<std::byte> into,
                                   std::source_location at) noexcept
    : fds_wait(op_code::recv_msg, work_class::read, at) {
    fill(descriptor, into.data(), into.size());
    message_.msg_control = control_.data();
    message_.msg_controllen = control_.size();
    op().flags = MSG_CMSG_CLOEXEC;
}

result<received_with_fds> receive_fds_wait::await_resume() {
    const auto finished = finish();
    if (!finished) {
        return fail(net_error(finished.error()));
    }
    // Owned before anything can throw.
    io_system& io = current_io();
    std::array<io_fd, passed_fds_max> owned;
    std::size_t count = 0;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message_); header != nullptr;
         header = CMSG_NXTHDR(&message_, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const std::size_t passed = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < passed && count < owned.size(); ++i) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(header) + i * sizeof number, sizeof number);
            owned[count++] = io_fd(io, number);
        }
    }
    received_with_fds got;
    got.bytes = static_cast<std::size_t>(*finished);
    got.fds_were_lost = (message_.msg_flags & MSG_CTRUNC) != 0;
    got.fds.reserve(count);
    std::move(owned.begin(), owned.begin() + static_cast<std::ptrdiff_t>(count),
              std::back_inserter(got.fds));
    return got;
}

}  // namespace internal

namespace {

constexpr duration backlog_pause_first = std::chrono::milliseconds(1);
constexpr duration backlog_pause_max = std::chrono::milliseconds(50);

}  // namespace

task<result<unix_stream>> unix_stream::connect(std::string path, std::source_location from) {
    auto address = socket_address::from_unix(path);
    if (!address) {
        co_return fail(address.error());
    }
    io_system& io = internal::current_io();
    auto opened = io.open_socket(AF_UNIX, SOCK_STREAM, 0);
    if (!opened) {
        co_return fail(opened.error());
    }
    io_fd socket(io, *opened);
    for (duration pause = backlog_pause_first;; pause = std::min(pause * 2, backlog_pause_max)) {
        io_wait handshake(op_code::connect, work_class::write, from);
        handshake.op().fd = socket.get();
        handshake.op().address = address->data();
        handshake.op().length = address->size();
        auto connected = co_await handshake;
        if (connected) {
            co_return unix_stream(std::move(socket));
        }
        if (connected.error() != errno_code(EAGAIN)) {
            co_return fail(connected.error());
        }
        // The backlog is full, and no event tells when it is not.
        auto slept = co_await sleep_for(pause, from);
        if (!slept) {
            co_return fail(slept.error());
        }
    }
}

result<std::pair<unix_stream, unix_stream>> unix_stream::make_pair() {
    io_system& io = internal::current_io();
    DRAMA_TRY(const auto ends, io.open_pair(SOCK_STREAM));
    return std::pair(unix_stream(io_fd(io, ends[0])), unix_stream(io_fd(io, ends[1])));
}

unix_listener::unix_listener() noexcept = default;
unix_listener::unix_listener(unix_listener&&) noexcept = default;
unix_listener& unix_listener::operator=(unix_listener&&) noexcept = default;
unix_listener::~unix_listener() = default;

task<result<unix_listener>> unix_listener::bind(std::string path, int backlog) {
    auto address = socket_address::from_unix(path);
    if (!address) {
        co_return fail(address.error());
    }
    io_system& io = internal::current_io();
    auto opened = io.open_socket(AF_UNIX, SOCK_STREAM, 0);
    if (!opened) {
        co_return fail(opened.error());
    }
    io_fd socket(io, *opened);
    if (auto bound = io.bind(*opened, *address); !bound) {
        co_return fail(bound.error());
    }
    if (auto listening = io.listen(*opened, backlog); !listening) {
        co_return fail(listening.error());
    }
    unix_listener made;
    made.gate_.reset(new internal::accept_gate(std::move(socket), AF_UNIX));
    co_return std::move(made);
}

task<result<unix_stream>> unix_listener::accept(std::source_location where) {
    DRAMA_ASSERT(is_open(), "accept on a listener that was closed or moved from");
    return internal::accept_from<unix_stream>(gate_.get(), where);
}

std::uint64_t unix_listener::refused_for_descriptors() const noexcept {
    return gate_ == nullptr ? 0 : gate_->refused();
}

bool unix_listener::is_open() const noexcept {
    return gate_ != nullptr && static_cast<bool>(gate_->listener());
}

void unix_listener::close() noexcept {
    if (gate_ != nullptr) {
        gate_->close();
    }
}

}  // namespace drama::inline v0
