// SPDX-License-Identifier: Apache-2.0
// One TCP connection: read, write, half close. Reads and writes are leaf awaiters without
// allocation.
#pragma once

#include <cstddef>
#include <source_location>
#include <span>

#include <netinet/in.h>

#include "drama/io/io_fd.hpp"
#include "drama/net/endpoint.hpp"
#include "drama/net/socket_wait.hpp"

namespace drama::inline v0 {

/// A connected TCP socket; closed when destroyed.
///
/// Errors of all operations: the kernel's errno (ECONNRESET, EPIPE, ...); errc::stop_requested and
///           errc::deadline_exceeded from the task; errc::closed if close() came in between.
/// Threads:  one task may read while another writes; close, move and destroy it only when no other
///           thread starts an operation on it. To end another task's wait, stop that task.
/// Lifetime: the stream and the bytes given to an operation stay until the operation has ended; the
///           runtime outlives the stream.
class DRAMA_API tcp_stream {
  public:
    tcp_stream() noexcept = default;
    /// Adopts a connected socket of the runtime's IO.
    tcp_stream(io_fd socket, const socket_address& peer) noexcept;

    /// Reads at least one byte, at most what fits. Yields 0 at the end of the stream.
    /// Requires: `into` is not empty.
    [[nodiscard]] internal::bytes_wait read_some(
        std::span<std::byte> into,
        std::source_location where = std::source_location::current()) noexcept {
        return {op_code::recv, socket_.get(), into, where};
    }
    /// Writes at least one byte, as many as fit now. Requires: `from` is not empty.
    [[nodiscard]] internal::bytes_wait write_some(
        std::span<const std::byte> from,
        std::source_location where = std::source_location::current()) noexcept {
        return {op_code::send, socket_.get(), from, where};
    }
    /// Writes everything. After an error it is unknown how much went out. One pooled frame.
    [[nodiscard]] task<result<void>> write_all(
        std::span<const std::byte> from,
        std::source_location where = std::source_location::current()) {
        return internal::write_everything(op_code::send, socket_.get(), from, where);
    }
    /// Waits until a read would not wait, without holding a buffer: an idle connection then costs
    /// its task and nothing else. Take a pooled_buffer afterwards.
    [[nodiscard]] internal::events_wait wait_readable(
        std::source_location where = std::source_location::current()) noexcept {
        return {socket_.get(), events::readable | events::peer_closed, where};
    }

    /// Says "no more bytes" to the peer; reading goes on.
    result<void> shutdown_write();
    /// Sends small writes at once. On by default.
    result<void> set_no_delay(bool on);
    /// Lets the kernel find out about dead peers.
    result<void> set_keep_alive(bool on);

    result<socket_address> local() const;
    /// Who is at the other end; known also when the connection is over.
    socket_address peer() const noexcept;
    bool is_open() const noexcept { return static_cast<bool>(socket_); }
    int fd() const noexcept { return socket_.get(); }
    void close() noexcept { socket_.reset(); }
    /// Gives the socket away; the stream is closed then.
    io_fd release() noexcept { return std::move(socket_); }

  private:
    io_fd socket_;
    // Not a socket_address: an idle connection pays for these bytes.
    union {
        sockaddr plain;
        sockaddr_in v4;
        sockaddr_in6 v6;
    } peer_{};
};

/// Connects to the first address of `where` that answers.
///
/// Suspends: while names are resolved and the handshake lasts.
/// Errors:   the last address's errno (ECONNREFUSED, ETIMEDOUT, ...); those of resolve;
///           errc::stop_requested, errc::deadline_exceeded.
DRAMA_API task<result<tcp_stream>> tcp_connect(
    endpoint where, std::source_location from = std::source_location::current());

/// The same for one address.
DRAMA_API task<result<tcp_stream>> tcp_connect(
    socket_address where, std::source_location from = std::source_location::current());

}  // namespace drama::inline v0
