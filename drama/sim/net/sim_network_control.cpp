// SPDX-License-Identifier: Apache-2.0
// What a test says of the network: laws, cuts, clogs, names.
#include <utility>

#include "drama/base/assert.hpp"
#include "drama/sim/net/internal/host_names.hpp"
#include "drama/sim/net/internal/net_paths.hpp"
#include "drama/sim/net/internal/swizzle.hpp"
#include "drama/sim/net/sim_network.hpp"

namespace drama::inline v0 {

using namespace internal;

namespace {

void add_both_ways(net_paths& to, path_rule rule) {
    to.add(rule);
    if (rule.from != rule.to) {
        std::swap(rule.from, rule.to);
        to.add(std::move(rule));
    }
}

}  // namespace

std::string sim_network::checked(std::string_view end) const {
    const bool is_known =
        end == "*" || socket_address::from_ip(end, 0) || !hosts_->find(end).empty();
    DRAMA_ASSERT(is_known, "an end of a path is a known name, a numeric address or *");
    return std::string(end);
}

void sim_network::latency(std::string_view one, std::string_view other, const latency_law& law) {
    add_both_ways(*paths_, {.from = checked(one), .to = checked(other), .law = law});
}

void sim_network::bandwidth(std::string_view one, std::string_view other,
                            std::uint64_t bytes_per_s) {
    add_both_ways(*paths_,
                  {.from = checked(one), .to = checked(other), .bytes_per_s = bytes_per_s});
}

void sim_network::partition(std::string_view one, std::string_view other) {
    add_both_ways(*paths_, {.from = checked(one), .to = checked(other), .is_cut = true});
}

void sim_network::partition_one_way(std::string_view from, std::string_view to) {
    paths_->add({.from = checked(from), .to = checked(to), .is_cut = true});
}

void sim_network::heal(std::string_view one, std::string_view other) {
    add_both_ways(*paths_, {.from = checked(one), .to = checked(other), .is_cut = false});
    unclog(one, other);
}

void sim_network::heal() {
    paths_->heal_all();
}

void sim_network::clog(std::string_view one, std::string_view other) {
    add_both_ways(*paths_, {.from = checked(one), .to = checked(other), .is_clogged = true});
}

void sim_network::unclog(std::string_view one, std::string_view other) {
    paths_->unclog(one, other);
    paths_->unclog(other, one);
}

void sim_network::swizzle_clog(duration span) {
    swizzle_->begin(hosts_->addresses(), span.count());
}

void sim_network::set_host(std::string name, std::string_view ip) {
    const auto address = socket_address::from_ip(ip, 0);
    DRAMA_ASSERT(address, "a host has a numeric address");
    hosts_->add(std::move(name), *address);
}

void sim_network::forget_host(std::string_view name) {
    hosts_->forget(name);
}

std::size_t sim_network::add_node(std::string name) {
    return hosts_->add_node(std::move(name));
}

}  // namespace drama::inline v0
