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
#include <optional>
#include <string_view>
#include <vector>

#include "drama/sim/internal/event_queue.hpp"
#include "drama/sim/net/internal/byte_ring.hpp"
#include "drama/sim/net/internal/net_paths.hpp"
#include "drama/sim/net/internal/sim_socket.hpp"
#include "drama/sim/net/internal/tcp/tcp_mishaps.hpp"

struct msghdr;

namespace drama::inline v0::internal {

/// How long a connect waits for an answer.
inline constexpr std::int64_t connect_timeout_ns = 127'000'000'000;

/// Threads: one at a time. Ownership: the network's, from its number or the handshake on.
class tcp_socket final : public sim_socket, private path_waiter {
  public:
    tcp_socket(sim_network& network, const socket_kind& kind) noexcept;
    ~tcp_socket() override;

    void on_close() noexcept override;
    void on_power_loss() noexcept override;
    result<void> listen(int backlog) override;
    result<void> shutdown(int how) noexcept override;
    bool is_listening() const noexcept override { return phase_ == phase::listening; }
    bool is_connected() const noexcept override { return phase_ == phase::connected; }

  protected:
    std::int64_t attempt(operation& op, bool again) noexcept override;
    int events() noexcept override;
    bool may_serve_writers() noexcept override;

  private:
    enum class phase : std::uint8_t { fresh, listening, connecting, connected, dead };
    enum class segment_kind : std::uint8_t { data, syn_ack, ack, end, reset };
    enum class handshake_step : std::uint8_t { asks, is_refused, times_out };

    struct segment {
        segment_kind kind;
        std::size_t bytes;
        std::int64_t at_ns;
    };
    struct own_event : timed_event {
        tcp_socket* at = nullptr;
    };
    struct listening {
        std::size_t backlog = 0;
        std::vector<tcp_socket*> children;  // half open or waiting to be accepted
        std::deque<tcp_socket*> queue;      // waiting to be accepted
    };

    // What operations do (tcp_operations.cpp).
    std::int64_t attempt_accept(operation& op) noexcept;
    std::int64_t attempt_connect(operation& op, bool again) noexcept;
    std::int64_t receive(void* into, std::size_t length, int flags) noexcept;
    /// What may be read now of `length` bytes, at least one is there; or -ENOBUFS.
    std::int64_t limit_receive(std::size_t length) noexcept;
    std::int64_t send(const void* from, std::size_t length) noexcept;
    std::int64_t receive_message(operation& op) noexcept;
    std::int64_t send_message(operation& op) noexcept;
    std::size_t room() const noexcept;

    // Faults (tcp_faults.cpp).
    std::optional<std::int64_t> ask(fault_kind kind, std::string_view site) noexcept;
    tcp_mishaps& mishaps() noexcept;
    bool is_silent() const noexcept;
    std::int64_t trickle_ns() const noexcept;
    bool fails_to_connect() noexcept;
    void ask_at_start() noexcept;
    std::int64_t delay_ns(std::size_t bytes) noexcept;
    std::size_t window(std::size_t room) const noexcept;
    std::size_t limit_send(std::size_t count) noexcept;
    void deliver(const void* from, std::size_t count) noexcept;
    void pass(const void* from, std::size_t count) noexcept;
    void tear() noexcept;

    // The connection (tcp_socket.cpp).
    static void on_arrival(timed_event& event) noexcept;
    static void on_silence(timed_event& event) noexcept;
    void on_open() noexcept override;
    void wait_for_path() noexcept;
    void receive_segment(const segment& got) noexcept;
    void receive_reset() noexcept;
    void transmit(segment_kind kind, std::size_t bytes) noexcept;
    void finish_sending() noexcept;
    void reset_peer() noexcept;
    void break_with(int error) noexcept;
    void bury_if_over() noexcept;

    // Listening and the handshake (tcp_handshake.cpp).
    static void on_handshake(timed_event& event) noexcept;
    void ask_listener() noexcept;
    void ask_again() noexcept;
    void refuse_at(std::int64_t at_ns, int error) noexcept;
    void open_child(tcp_socket& listener) noexcept;
    void leave_listener() noexcept;
    bool is_half_open() const noexcept;
    void stop_listening() noexcept;

    phase phase_ = phase::fresh;
    bool is_open_ = true;  // has a descriptor, or waits to be accepted
    bool is_buried_ = false;
    bool read_shut_ = false;
    bool write_shut_ = false;
    bool end_arrived_ = false;  // the peer will send no more
    bool has_reset_ = false;    // a reset was sent: the peer is told enough
    bool waits_for_path_ = false;

    // One end of a connection.
    tcp_socket* other_ = nullptr;
    net_path* out_ = nullptr;
    net_path* in_ = nullptr;
    byte_ring received_;  // readable, then in flight
    std::size_t readable_ = 0;
    std::deque<segment> inbox_;
    std::int64_t held_since_ns_ = 0;  // what arrives finds its path cut or clogged
    own_event arrival_;
    own_event silence_;  // what this end has sent is not acknowledged for too long
    own_event handshake_;
    handshake_step handshake_at_ = handshake_step::asks;
    int tries_ = 0;
    int refusal_ = 0;                 // what a refused connect will say
    tcp_socket* listener_ = nullptr;  // of an end that waits to be accepted

    std::unique_ptr<listening> listening_;
    const account* payer_ = nullptr;        // of the last send or connect
    std::unique_ptr<tcp_mishaps> mishaps_;  // null: none
};

}  // namespace drama::inline v0::internal
