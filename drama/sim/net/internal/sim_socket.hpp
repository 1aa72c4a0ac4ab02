// SPDX-License-Identifier: Apache-2.0
// What every simulated socket has: family, type, node, addresses, options, a pending error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "drama/sim/internal/sim_descriptor.hpp"
#include "drama/sim/net/sim_network.hpp"

namespace drama::inline v0::internal {

/// Which machine a socket is on and what it speaks.
struct socket_kind {
    std::size_t node = 0;
    int family = 0;
    int type = 0;
};

/// Threads: one at a time. Ownership: the network's, from its first number or the handshake on.
class sim_socket : public sim_descriptor {
  public:
    sim_socket(sim_network& network, const socket_kind& kind) noexcept
        : network_(network), kind_(kind) {}

    virtual result<void> listen(int backlog);
    virtual result<void> shutdown(int how) noexcept = 0;
    virtual bool is_listening() const noexcept { return false; }
    virtual bool is_connected() const noexcept = 0;

    const socket_kind& kind() const noexcept { return kind_; }
    int family() const noexcept { return kind_.family; }
    bool is_bound() const noexcept { return is_bound_; }
    const socket_address& local() const noexcept { return local_; }
    const socket_address& peer() const noexcept { return peer_; }
    void set_local(const socket_address& address) noexcept {
        local_ = address;
        is_bound_ = true;
    }
    /// SO_ERROR, read and cleared.
    int take_error() noexcept { return std::exchange(error_, 0); }
    /// What set_option kept; 0 if nothing.
    int option(int level, int name) const noexcept;
    void set_option(int level, int name, int value);

  protected:
    /// Fewer bytes than possible, now and then: streams promise no more.
    std::size_t shorten(std::size_t bytes) noexcept;
    /// Writes an address as accept4 and recvmsg do.
    static void tell_address(const socket_address& from, sockaddr* into, unsigned* room) noexcept;

    sim_network& network_;
    const socket_kind kind_;
    bool is_bound_ = false;
    int error_ = 0;
    socket_address local_;
    socket_address peer_;
    std::vector<std::pair<std::uint64_t, int>> options_;
};

}  // namespace drama::inline v0::internal
