// SPDX-License-Identifier: Apache-2.0
// The UDP packets that are under way in a simulated network, and the answers that nobody was there.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "drama/sim/internal/event_queue.hpp"
#include "drama/sim/net/internal/datagram/datagram_socket.hpp"
#include "drama/sim/net/internal/net_paths.hpp"

namespace drama::inline v0::internal {

/// Threads: as the network.
class datagram_flights {
  public:
    explicit datagram_flights(sim_network& network) noexcept : network_(network) {}
    ~datagram_flights();
    datagram_flights(const datagram_flights&) = delete;
    datagram_flights& operator=(const datagram_flights&) = delete;

    /// Sends `packet` on its way, so that it arrives once, twice or never.
    void send(const datagram_socket& sender, const socket_address& to, datagram_packet packet,
              const account* payer);
    std::size_t under_way() const noexcept { return flights_.size() - idle_.size(); }

  private:
    struct flight final : timed_event, path_waiter {
        datagram_flights* of = nullptr;
        socket_kind sender;
        socket_address to;
        net_path* path = nullptr;
        bool is_refusal = false;  // an answer: nobody takes packets at `packet.from`
        datagram_packet packet;

        void on_open() noexcept override;
    };

    static void on_arrival(timed_event& event) noexcept;
    flight& take();
    void launch(flight& made, std::int64_t extra_ns);
    void land(flight& landed);
    void refuse(const flight& unwanted);
    bool happens(double chance) noexcept;

    sim_network& network_;
    std::vector<std::unique_ptr<flight>> flights_;
    std::vector<flight*> idle_;
};

}  // namespace drama::inline v0::internal
