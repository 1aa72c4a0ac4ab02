// SPDX-License-Identifier: Apache-2.0
// Which machines there are, which addresses each has, and what names resolve to.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drama/io/socket_address.hpp"

namespace drama::inline v0::internal {

/// Threads: as the network.
class host_names {
  public:
    host_names();

    std::size_t add_node(std::string name);
    std::size_t nodes() const noexcept { return nodes_.size(); }
    const std::string& node_name(std::size_t node) const noexcept { return nodes_[node].name; }
    void add(std::string name, const socket_address& address);
    void forget(std::string_view name);

    /// Every address that `name` resolves to.
    std::vector<socket_address> find(std::string_view name) const;
    /// Whose address it is; nothing if it is nobody's.
    std::optional<std::size_t> owner_of(const socket_address& address) const noexcept;
    /// Whether a socket of `node` may have it as its own.
    bool may_bind(std::size_t node, const socket_address& address) const noexcept;
    /// The node's own address in the family of `target`, loopback for loopback.
    socket_address source_for(std::size_t node, const socket_address& target) const noexcept;
    /// Whether `name` is a name, a node or the number of `address`.
    bool means(std::string_view name, const socket_address& address) const;
    /// An address of each node and host, in text.
    std::vector<std::string> addresses() const;

  private:
    struct machine {
        std::string name;
        std::vector<socket_address> addresses;  // IPv4 first, then IPv6
    };
    struct host {
        std::string name;
        socket_address address;
    };
    std::vector<machine> nodes_;
    std::vector<host> hosts_;
};

/// "10.0.0.1" of 10.0.0.1:80.
std::string ip_text(const socket_address& address);

}  // namespace drama::inline v0::internal
