// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/internal/net_paths.hpp"

#include <algorithm>
#include <cstddef>

#include <netinet/in.h>

#include "drama/sim/internal/sim_scheduler.hpp"

namespace drama::inline v0::internal {

std::string_view host_bytes(const socket_address& address) noexcept {
    const auto* const raw = reinterpret_cast<const char*>(address.data());
    switch (address.family()) {
        case AF_INET:
            return {raw + offsetof(sockaddr_in, sin_addr), sizeof(in_addr)};
        case AF_INET6:
            return {raw + offsetof(sockaddr_in6, sin6_addr), sizeof(in6_addr)};
        case AF_UNIX:
            return {raw, address.size()};
        default:
            return {};
    }
}

bool is_same_host(const socket_address& one, const socket_address& other) noexcept {
    return one.family() == other.family() && host_bytes(one) == host_bytes(other);
}

bool is_any(const socket_address& address) noexcept {
    return address.family() != AF_UNIX &&
           std::ranges::all_of(host_bytes(address), [](char byte) { return byte == 0; });
}

bool is_loopback(const socket_address& address) noexcept {
    const std::string_view host = host_bytes(address);
    return address.family() == AF_INET
               ? host.front() == 127
               : address.family() == AF_INET6 && host.back() == 1 &&
                     std::ranges::all_of(host.substr(0, 15), [](char byte) { return byte == 0; });
}

socket_address with_port(const socket_address& address, std::uint16_t port) noexcept {
    socket_address made = address;
    if (made.family() == AF_INET) {
        reinterpret_cast<sockaddr_in*>(made.data())->sin_port = htons(port);
    } else if (made.family() == AF_INET6) {
        reinterpret_cast<sockaddr_in6*>(made.data())->sin6_port = htons(port);
    }
    return made;
}

std::size_t net_paths::place_of(const socket_address& address) {
    for (std::size_t i = 0; i < places_.size(); ++i) {
        if (is_same_host(places_[i], address)) {
            return i;
        }
    }
    places_.push_back(with_port(address, 0));
    return places_.size() - 1;
}

net_path& net_paths::between(const socket_address& from, const socket_address& to) {
    const std::pair key(place_of(from), place_of(to));
    const auto [found, is_new] = paths_.try_emplace(key);
    net_path& path = found->second;
    if (is_new) {
        path.from = key.first;
        path.to = key.second;
        judge(path);
    }
    return path;
}

bool net_paths::names_end(const std::string& name, std::size_t here, std::size_t there) const {
    return name == "*" ? here != there : names_(name, places_[here]);
}

bool net_paths::matches(const path_rule& rule, const net_path& path) const {
    return names_end(rule.from, path.from, path.to) && names_end(rule.to, path.to, path.from);
}

void net_paths::judge(net_path& path) const {
    path.is_cut = false;
    path.is_clogged = false;
    path.law.reset();
    path.bytes_per_s = 0;
    for (const path_rule& each : rules_) {
        if (!matches(each, path)) {
            continue;
        }
        path.law = each.law ? each.law : path.law;
        path.bytes_per_s = each.bytes_per_s.value_or(path.bytes_per_s);
        path.is_cut = each.is_cut.value_or(path.is_cut);
        path.is_clogged = path.is_clogged || each.is_clogged;
    }
}

void net_paths::judge_all() {
    for (auto& [key, path] : paths_) {
        judge(path);
        if (!path.waiters.empty() && path.is_open(scheduler_.now_ns())) {
            open_up(path);
        }
    }
}

void net_paths::open_up(net_path& path) noexcept {
    const std::vector<path_waiter*> waited = std::exchange(path.waiters, {});
    for (path_waiter* const each : waited) {
        each->on_open();
    }
}

void net_paths::add(path_rule rule) {
    std::erase_if(rules_, [&](const path_rule& old) {
        return old.from == rule.from && old.to == rule.to &&
               old.law.has_value() == rule.law.has_value() &&
               old.bytes_per_s.has_value() == rule.bytes_per_s.has_value() &&
               old.is_cut.has_value() == rule.is_cut.has_value() &&
               old.is_clogged == rule.is_clogged;
    });
    rules_.push_back(std::move(rule));
    judge_all();
}

void net_paths::unclog(std::string_view from, std::string_view to) {
    std::erase_if(rules_, [&](const path_rule& each) {
        return each.is_clogged && each.from == from && each.to == to;
    });
    judge_all();
}

void net_paths::heal_all() {
    std::erase_if(rules_, [](const path_rule& each) { return each.is_cut || each.is_clogged; });
    for (auto& [key, path] : paths_) {
        path.cut_until_ns = 0;
        path.clogged_until_ns = 0;
    }
    judge_all();
}

}  // namespace drama::inline v0::internal
