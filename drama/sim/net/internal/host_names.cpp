// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/internal/host_names.hpp"

#include <algorithm>
#include <array>

#include <arpa/inet.h>

#include "drama/base/assert.hpp"
#include "drama/sim/net/internal/net_paths.hpp"

namespace drama::inline v0::internal {
namespace {

constexpr std::size_t nodes_max = 250;  // each has an address of its own in 10.0.0.0/24

socket_address numeric(const std::string& ip) {
    const auto made = socket_address::from_ip(ip, 0);
    DRAMA_ASSERT(made, "a host has a numeric address");
    return *made;
}

}  // namespace

std::string ip_text(const socket_address& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(address.family(), host_bytes(address).data(), text.data(), text.size());
    return text.data();
}

host_names::host_names() {
    add_node("");
    add("localhost", numeric("127.0.0.1"));
}

std::size_t host_names::add_node(std::string name) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i].name == name) {
            return i;
        }
    }
    DRAMA_ASSERT(nodes_.size() < nodes_max, "too many simulated nodes");
    const std::size_t number = nodes_.size() + 1;
    std::array<char, 5> hex{};
    std::snprintf(hex.data(), hex.size(), "%zx", number);
    nodes_.push_back({name,
                      {numeric("10.0.0." + std::to_string(number)),
                       numeric(std::string("fd00::") + hex.data())}});
    if (!name.empty()) {
        hosts_.push_back({std::move(name), nodes_.back().addresses.front()});
    }
    return number - 1;
}

void host_names::add(std::string name, const socket_address& address) {
    if (!is_loopback(address) && !owner_of(address)) {
        nodes_.front().addresses.push_back(address);
    }
    hosts_.push_back({std::move(name), address});
}

void host_names::forget(std::string_view name) {
    std::erase_if(hosts_, [&](const host& each) { return each.name == name; });
}

std::vector<socket_address> host_names::find(std::string_view name) const {
    std::vector<socket_address> found;
    for (const host& each : hosts_) {
        if (each.name == name) {
            found.push_back(each.address);
        }
    }
    return found;
}

std::optional<std::size_t> host_names::owner_of(const socket_address& address) const noexcept {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        for (const socket_address& each : nodes_[i].addresses) {
            if (is_same_host(each, address)) {
                return i;
            }
        }
    }
    return std::nullopt;
}

bool host_names::may_bind(std::size_t node, const socket_address& address) const noexcept {
    return is_any(address) || is_loopback(address) || owner_of(address) == node;
}

socket_address host_names::source_for(std::size_t node,
                                      const socket_address& target) const noexcept {
    if (is_loopback(target) || is_any(target)) {
        return target.family() == AF_INET ? numeric("127.0.0.1") : numeric("::1");
    }
    for (const socket_address& each : nodes_[node].addresses) {
        if (each.family() == target.family()) {
            return each;
        }
    }
    return target;
}

bool host_names::means(std::string_view name, const socket_address& address) const {
    if (address.family() != AF_INET && address.family() != AF_INET6) {
        return false;
    }
    if (const auto owner = owner_of(address); owner && nodes_[*owner].name == name) {
        return true;
    }
    const auto is_it = [&](const host& each) {
        return each.name == name && is_same_host(each.address, address);
    };
    return std::ranges::any_of(hosts_, is_it) || ip_text(address) == name;
}

std::vector<std::string> host_names::addresses() const {
    std::vector<std::string> all;
    for (const machine& each : nodes_) {
        for (const socket_address& address : each.addresses) {
            if (address.family() == AF_INET) {
                all.push_back(ip_text(address));
            }
        }
    }
    return all;
}

}  // namespace drama::inline v0::internal
