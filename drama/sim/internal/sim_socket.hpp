// SPDX-License-Identifier: Apache-2.0
// One simulated TCP socket: fresh, listening or one end of a connection.
//
// Both ends know each other. What one sends travels as segments in the other's inbox, in order,
// each with its time of arrival; the bytes already lie in the receiver's ring, which bounds what is
// in flight and unread. Connecting: syn (an event of the client) makes the server's end, syn_ack
// makes the client connected, ack puts the server's end before the acceptor. An end is freed when
// both ends are closed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "drama/sim/internal/byte_ring.hpp"
#include "drama/sim/internal/event_queue.hpp"
#include "drama/sim/internal/sim_descriptor.hpp"
#include "drama/sim/sim_network.hpp"

struct msghdr;

namespace drama::inline v0::internal {

/// Threads: one at a time. Ownership: the network's, from add_fd or the handshake on.
class sim_socket final : public sim_descriptor {
  public:
    sim_socket(sim_network& network, int family) noexcept;
    ~sim_socket() override;

    void on_close() noexcept override;
    result<void> listen(int backlog);
    result<void> shutdown(int how) noexcept;
    /// SO_ERROR, read and cleared.
    int take_error() noexcept { return std::exchange(error_, 0); }

    int family() const noexcept { return family_; }
    bool is_bound() const noexcept { return is_bound_; }
    bool is_connected() const noexcept { return phase_ == phase::connected; }
    const socket_address& local() const noexcept { return local_; }
    const socket_address& peer() const noexcept { return peer_; }
    void set_local(const socket_address& address) noexcept {
        local_ = address;
        is_bound_ = true;
    }
    /// What set_option kept; 0 if nothing.
    int option(int level, int name) const noexcept;
    void set_option(int level, int name, int value);

  protected:
    std::int64_t attempt(operation& op, bool again) noexcept override;
    int events() noexcept override;
    bool may_serve_writers() noexcept override;

  private:
    enum class phase : std::uint8_t { fresh, listening, connecting, connected, dead };
    enum class segment_kind : std::uint8_t { data, syn_ack, ack, end, reset };
    enum class handshake_step : std::uint8_t { asks, is_refused };

    struct segment {
        segment_kind kind;
        std::size_t bytes;
        std::int64_t at_ns;
    };
    struct arrival_event : timed_event {
        sim_socket* at = nullptr;
    };
    struct listening {
        std::size_t backlog = 0;
        std::vector<sim_socket*> children;  // half open or waiting to be accepted
        std::deque<sim_socket*> queue;      // waiting to be accepted
    };

    std::int64_t attempt_accept(operation& op) noexcept;
    std::int64_t attempt_connect(operation& op, bool again) noexcept;
    std::int64_t receive(void* into, std::size_t length, int flags) noexcept;
    std::int64_t send(const void* from, std::size_t length) noexcept;
    std::int64_t receive_message(operation& op) noexcept;
    std::int64_t send_message(operation& op) noexcept;
    std::size_t room() const noexcept;
    std::size_t shorten(std::size_t bytes) noexcept;

    static void on_handshake(timed_event& event) noexcept;
    static void on_arrival(timed_event& event) noexcept;
    void ask_listener() noexcept;
    void open_child(sim_socket& listener) noexcept;
    void receive_segment(const segment& got) noexcept;
    void receive_reset() noexcept;
    void transmit(segment_kind kind, std::size_t bytes) noexcept;
    void finish_sending() noexcept;
    void reset_peer() noexcept;
    void leave_listener() noexcept;
    bool is_half_open() const noexcept;
    void stop_listening() noexcept;
    void bury_if_over() noexcept;

    sim_network& network_;
    const int family_;
    phase phase_ = phase::fresh;
    bool is_bound_ = false;
    bool is_open_ = true;  // has a descriptor, or waits to be accepted
    bool is_buried_ = false;
    bool read_shut_ = false;
    bool write_shut_ = false;
    bool end_arrived_ = false;  // the peer will send no more
    bool has_reset_ = false;    // a reset was sent: the peer is told enough
    int error_ = 0;
    socket_address local_;
    socket_address peer_;
    std::vector<std::pair<std::uint64_t, int>> options_;

    // One end of a connection.
    sim_socket* other_ = nullptr;
    const latency_law* law_ = nullptr;
    byte_ring received_;  // readable, then in flight
    std::size_t readable_ = 0;
    std::deque<segment> inbox_;
    arrival_event arrival_;
    arrival_event handshake_;
    handshake_step handshake_at_ = handshake_step::asks;
    int tries_ = 0;
    sim_socket* listener_ = nullptr;  // of an end that waits to be accepted

    std::unique_ptr<listening> listening_;
};

}  // namespace drama::inline v0::internal
