// SPDX-License-Identifier: Apache-2.0
// Datagrams: one operation, one packet.
#pragma once

#include <source_location>
#include <span>

#include <sys/uio.h>

#include "drama/coro/task.hpp"
#include "drama/io/socket_address.hpp"
#include "drama/net/endpoint.hpp"
#include "drama/net/socket_wait.hpp"

namespace drama::inline v0 {

struct datagram {
    std::size_t bytes = 0;      ///< in the buffer
    bool is_truncated = false;  ///< it was longer than the buffer; the rest is lost
    socket_address from;
};

namespace internal {

/// The parts that sendmsg and recvmsg want in memory for one packet.
class DRAMA_API packet_wait : public io_awaiter {
  protected:
    packet_wait(op_code what, work_class completed_as, std::source_location at) noexcept
        : io_awaiter(what, completed_as, at) {}
    void fill(int descriptor, void* bytes, std::size_t count) noexcept;

    socket_address address_;
    iovec part_{};
    msghdr message_{};
};

class DRAMA_API send_to_wait : public packet_wait {
  public:
    send_to_wait(int descriptor, std::span<const std::byte> bytes, const socket_address& to,
                 std::source_location at) noexcept;
    [[nodiscard]] result<void> await_resume() noexcept;
};

class DRAMA_API receive_from_wait : public packet_wait {
  public:
    receive_from_wait(int descriptor, std::span<std::byte> into, std::source_location at) noexcept;
    [[nodiscard]] result<datagram> await_resume() noexcept;
};

}  // namespace internal

/// A UDP socket; closed when destroyed. Errors, Threads, Lifetime: as tcp_stream.
class DRAMA_API udp_socket {
  public:
    udp_socket() noexcept = default;
    explicit udp_socket(io_fd socket) noexcept : socket_(std::move(socket)) {}

    /// A socket with a local address; port 0 takes a free one.
    static task<result<udp_socket>> bind(
        endpoint where, std::source_location from = std::source_location::current());
    /// A socket with one peer: only its packets are received, and its ICMP errors are reported.
    static task<result<udp_socket>> connect(
        endpoint peer, std::source_location from = std::source_location::current());

    /// Sends one packet, whole or not at all. Errors: EMSGSIZE.
    [[nodiscard]] internal::send_to_wait send_to(
        std::span<const std::byte> packet, const socket_address& to,
        std::source_location where = std::source_location::current()) noexcept {
        return {socket_.get(), packet, to, where};
    }
    /// Waits for a packet. Empty packets exist.
    [[nodiscard]] internal::receive_from_wait receive_from(
        std::span<std::byte> into,
        std::source_location where = std::source_location::current()) noexcept {
        return {socket_.get(), into, where};
    }
    /// Sends to the connected peer. Errors: ECONNREFUSED of an earlier packet.
    [[nodiscard]] internal::send_to_wait send(
        std::span<const std::byte> packet,
        std::source_location where = std::source_location::current()) noexcept {
        return {socket_.get(), packet, socket_address(), where};
    }

    result<socket_address> local() const { return socket_.io().local_address(socket_.get()); }
    bool is_open() const noexcept { return static_cast<bool>(socket_); }
    int fd() const noexcept { return socket_.get(); }
    void close() noexcept { socket_.reset(); }

  private:
    io_fd socket_;
};

}  // namespace drama::inline v0
