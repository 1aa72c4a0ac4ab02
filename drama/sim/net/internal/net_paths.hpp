// SPDX-License-Identifier: Apache-2.0
// The ways between the addresses of a simulated network. A path leads from one address to another,
// in one direction; what it is like follows from rules, the later ones over the earlier. Packets
// and connections ask their path when they send and when something arrives.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drama/io/socket_address.hpp"
#include "drama/sim/net/latency_law.hpp"

namespace drama::inline v0::internal {

class sim_scheduler;

/// Something that waits until a path is open again.
class path_waiter {
  public:
    virtual void on_open() noexcept = 0;

  protected:
    ~path_waiter() = default;
};

struct net_path {
    std::size_t from = 0;
    std::size_t to = 0;
    std::optional<latency_law> law;  ///< nothing: the network's
    std::uint64_t bytes_per_s = 0;   ///< 0: without limit
    bool is_cut = false;             ///< what arrives is lost
    bool is_clogged = false;         ///< what arrives waits
    // By faults, beside the rules.
    std::int64_t cut_until_ns = 0;
    std::int64_t clogged_until_ns = 0;
    std::int64_t busy_until_ns = 0;           ///< when what was sent has left
    std::int64_t last_packet_ns = 0;          ///< of loopback, where packets keep their order
    std::optional<std::byte> last_byte = {};  ///< of what went this way, for stale replies
    std::vector<path_waiter*> waiters;

    bool loses(std::int64_t now_ns) const noexcept { return is_cut || now_ns < cut_until_ns; }
    bool is_open(std::int64_t now_ns) const noexcept {
        return !loses(now_ns) && !is_clogged && now_ns >= clogged_until_ns;
    }
    /// When it opens by itself; 0: it is open already, or only a rule can open it.
    std::int64_t opens_ns() const noexcept {
        return is_cut || is_clogged ? 0 : std::max(cut_until_ns, clogged_until_ns);
    }
    void forget(path_waiter& gone) noexcept { std::erase(waiters, &gone); }
};

/// What a rule says of the paths from `from` to `to`: names of nodes or hosts, numeric addresses,
/// or "*": any other than the one at the path's other end.
struct path_rule {
    std::string from;
    std::string to;
    std::optional<latency_law> law = {};
    std::optional<std::uint64_t> bytes_per_s = {};
    std::optional<bool> is_cut = {};
    bool is_clogged = false;  ///< until `unclog` of the same ends: clogs add up
};

/// Threads: as the network.
class net_paths {
  public:
    /// `names`: whether `name` stands for an address, which has no port.
    using name_test = std::function<bool(std::string_view name, const socket_address& address)>;
    net_paths(sim_scheduler& in, name_test names) : scheduler_(in), names_(std::move(names)) {}

    /// Lifetime: as long as the network.
    net_path& between(const socket_address& from, const socket_address& to);
    /// Replaces the rule that says the same of the same paths. Who waited for a path that is open
    /// now goes on.
    void add(path_rule rule);
    /// Takes the clog between these ends away.
    void unclog(std::string_view from, std::string_view to);
    /// No path is cut or clogged any more.
    void heal_all();
    /// Calls the waiters of a path that has become open.
    static void open_up(net_path& path) noexcept;
    std::size_t rules() const noexcept { return rules_.size(); }

  private:
    std::size_t place_of(const socket_address& address);
    bool matches(const path_rule& rule, const net_path& path) const;
    bool names_end(const std::string& name, std::size_t here, std::size_t there) const;
    void judge(net_path& path) const;
    void judge_all();

    sim_scheduler& scheduler_;
    name_test names_;
    std::vector<socket_address> places_;
    std::map<std::pair<std::size_t, std::size_t>, net_path> paths_;  // they never move
    std::vector<path_rule> rules_;
};

/// The address without its port, as bytes: IP or Unix name.
std::string_view host_bytes(const socket_address& address) noexcept;
bool is_same_host(const socket_address& one, const socket_address& other) noexcept;
bool is_any(const socket_address& address) noexcept;
bool is_loopback(const socket_address& address) noexcept;
socket_address with_port(const socket_address& address, std::uint16_t port) noexcept;

}  // namespace drama::inline v0::internal
