// SPDX-License-Identifier: Apache-2.0
// A simulated datagram socket, UDP or Unix. UDP packets fly one by one, each for its own time, so
// they overtake each other, and may be lost or come twice. Those of Unix sockets are there at once,
// and their sender waits while the receiver is full.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "drama/sim/net/internal/sim_socket.hpp"

namespace drama::inline v0::internal {

struct datagram_packet {
    socket_address from;
    std::vector<std::byte> bytes;
};

/// Threads: one at a time. Ownership: the table's from its number on.
class datagram_socket final : public sim_socket {
  public:
    static constexpr std::size_t udp_bytes_max = 65'507;

    datagram_socket(sim_network& network, const socket_kind& kind) noexcept
        : sim_socket(network, kind) {}

    /// Makes two Unix ones each other's peers.
    static void connect(datagram_socket& one, datagram_socket& other) noexcept;

    void on_close() noexcept override;
    result<void> shutdown(int how) noexcept override;
    bool is_connected() const noexcept override { return is_connected_; }

    /// A packet has arrived. One that finds no room is lost.
    void deliver(datagram_packet packet);
    /// Nobody was there to take an earlier one.
    void report_refused(const socket_address& by) noexcept;

  protected:
    std::int64_t attempt(operation& op, bool again) noexcept override;
    int events() noexcept override;

  private:
    std::int64_t attempt_connect(const operation& op) noexcept;
    std::int64_t send(const msghdr& message, const account* payer) noexcept;
    std::int64_t send_local(const socket_address& to, datagram_packet packet) noexcept;
    std::int64_t receive(msghdr& message, int flags) noexcept;
    bool has_room() const noexcept;
    void let_senders_go_on() noexcept;

    bool is_connected_ = false;
    bool read_shut_ = false;
    bool write_shut_ = false;
    datagram_socket* partner_ = nullptr;  // of a pair
    std::deque<datagram_packet> packets_;
    std::size_t bytes_held_ = 0;
    std::vector<datagram_socket*> senders_;  // wait for room here
    datagram_socket* waits_for_ = nullptr;
};

}  // namespace drama::inline v0::internal
