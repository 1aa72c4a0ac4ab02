// SPDX-License-Identifier: Apache-2.0
// Accepts TCP connections, also when the process runs out of descriptors.
#pragma once

#include <cstdint>
#include <memory>

#include "drama/net/tcp_stream.hpp"

namespace drama::inline v0 {

struct listen_options {
    int backlog = 1024;
    bool reuse_port = false;  ///< several listeners share one address
    bool no_delay = true;     ///< for the accepted connections
};

/// A listening TCP socket; closed when destroyed.
///
/// Out of descriptors, accept closes one waiting connection at a time with the help of a reserve,
/// so that clients see an end instead of silence, and waits 1 to 50 ms between attempts.
/// Threads:  several tasks may accept; the rest as tcp_stream.
/// Lifetime: stays until no accept is in flight; the runtime outlives it.
class DRAMA_API tcp_listener {
  public:
    tcp_listener() noexcept;
    tcp_listener(tcp_listener&&) noexcept;
    tcp_listener& operator=(tcp_listener&&) noexcept;
    ~tcp_listener();

    /// Listens at the first address of `where` that can be had; port 0 takes a free one.
    /// Errors: errno of socket, bind, listen (EADDRINUSE, EACCES, ...); those of resolve.
    static task<result<tcp_listener>> bind(
        endpoint where, listen_options options = {},
        std::source_location from = std::source_location::current());

    /// Takes over a socket that listens already, one that was inherited for example; from then on
    /// it does not block. Requires: called from a task.
    /// Errors: ENOTSOCK, EBADF; EPROTOTYPE - no stream; EAFNOSUPPORT - neither IPv4 nor IPv6;
    ///         EINVAL - it does not listen. The descriptor stays the caller's then.
    static result<tcp_listener> adopt(int fd, listen_options options = {});

    /// Waits for a connection.
    /// Errors: errc::stop_requested, errc::deadline_exceeded; errc::closed after close(); errno
    ///         that say that the listener is broken. Never one that only concerns a single client,
    ///         nor a lack of descriptors.
    [[nodiscard]] task<result<tcp_stream>> accept(
        std::source_location where = std::source_location::current());

    result<socket_address> local() const;
    /// Connections that were closed unserved for lack of descriptors.
    std::uint64_t refused_for_descriptors() const noexcept;
    bool is_open() const noexcept;
    int fd() const noexcept;
    void close() noexcept;

  private:
    // On the heap, so that the listener may move while accepts are in flight.
    std::unique_ptr<internal::accept_gate, internal::close_gate> gate_;
};

}  // namespace drama::inline v0
