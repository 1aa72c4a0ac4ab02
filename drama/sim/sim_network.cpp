// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/sim_network.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>

#include <sys/socket.h>

#include "drama/base/assert.hpp"
#include "drama/io/file_results.hpp"
#include "drama/sim/internal/sim_backend.hpp"
#include "drama/sim/internal/sim_socket.hpp"

namespace drama::inline v0 {

using namespace internal;

namespace {

// The address without its port, as bytes: IP or Unix name.
std::string_view name_of_host(const socket_address& address) noexcept {
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

bool is_any(const socket_address& address) noexcept {
    return address.family() != AF_UNIX &&
           std::ranges::all_of(name_of_host(address), [](char byte) { return byte == 0; });
}

bool is_same_host(const socket_address& one, const socket_address& other) noexcept {
    return one.family() == other.family() && name_of_host(one) == name_of_host(other);
}

bool is_loopback(const socket_address& address) noexcept {
    const std::string_view host = name_of_host(address);
    return address.family() == AF_INET
               ? host.front() == 127
               : address.family() == AF_INET6 && host.back() == 1 &&
                     std::ranges::all_of(host.substr(0, 15), [](char byte) { return byte == 0; });
}

socket_address with_port(const socket_address& address, std::uint16_t port) {
    socket_address made = address;
    if (made.family() == AF_INET) {
        reinterpret_cast<sockaddr_in*>(made.data())->sin_port = htons(port);
    } else if (made.family() == AF_INET6) {
        reinterpret_cast<sockaddr_in6*>(made.data())->sin6_port = htons(port);
    }
    return made;
}

}  // namespace

std::int64_t latency_law::draw_ns(prng& random) const noexcept {
    const std::int64_t base = typical.count();
    const std::int64_t limit = worst.count();
    if (limit <= base || base <= 0) {
        return base;
    }
    const std::uint64_t drawn = random.next();
    const int doublings = std::min(std::countl_zero(drawn | 1), 20);
    const std::int64_t scaled = base << doublings;
    const auto part = static_cast<std::int64_t>(
        static_cast<unsigned __int128>(scaled) * (drawn & 0xffff'ffff) >> 32);
    return std::min(limit, scaled + part);
}

sim_network::sim_network(sim_scheduler& in, std::uint64_t seed) : scheduler_(in), random_(seed) {
    set_host("localhost", "127.0.0.1");
}

sim_network::~sim_network() {
    for (sim_descriptor* const each : fds_) {
        if (each != nullptr) {
            each->on_close();
        }
    }
}

void sim_network::set_link(std::string_view one, std::string_view other, const latency_law& law) {
    const auto first = socket_address::from_ip(one, 0);
    const auto second = socket_address::from_ip(other, 0);
    DRAMA_ASSERT(first && second, "a link is between numeric addresses");
    for (link& each : links_) {
        if (is_same_host(each.one, *first) && is_same_host(each.other, *second)) {
            each.law = law;
            return;
        }
    }
    links_.push_back({*first, *second, law});
}

void sim_network::set_host(std::string name, std::string_view ip) {
    const auto address = socket_address::from_ip(ip, 0);
    DRAMA_ASSERT(address, "a host has a numeric address");
    hosts_.push_back({std::move(name), *address});
}

const latency_law& sim_network::law_between(const socket_address& one,
                                            const socket_address& other) noexcept {
    for (const link& each : links_) {
        if ((is_same_host(each.one, one) && is_same_host(each.other, other)) ||
            (is_same_host(each.one, other) && is_same_host(each.other, one))) {
            return each.law;
        }
    }
    return options_.latency;
}

int sim_network::add_fd(sim_descriptor& made) {
    dead_.clear();
    if (open_fds_ >= options_.fds_max) {
        return -EMFILE;
    }
    std::size_t index = fds_.size();
    if (free_fds_.empty()) {
        fds_.push_back(&made);
    } else {
        index = static_cast<std::size_t>(free_fds_.back());
        free_fds_.pop_back();
        fds_[index] = &made;
    }
    ++open_fds_;
    made.fd = first_fd + static_cast<int>(index);
    return made.fd;
}

sim_descriptor* sim_network::find(int fd) noexcept {
    const auto index = static_cast<std::size_t>(fd) - first_fd;
    return fd < first_fd || index >= fds_.size() ? nullptr : fds_[index];
}

sim_socket* sim_network::find_socket(int fd) noexcept {
    return dynamic_cast<sim_socket*>(find(fd));
}

void sim_network::close(int fd) noexcept {
    dead_.clear();
    sim_descriptor* const closed = find(fd);
    if (closed == nullptr) {
        return;
    }
    fds_[static_cast<std::size_t>(fd - first_fd)] = nullptr;
    free_fds_.push_back(fd - first_fd);
    --open_fds_;
    closed->fd = -1;
    closed->on_close();
}

void sim_network::forget(int fd) noexcept {
    if (sim_descriptor* const left = find(fd)) {
        left->retire();
    }
}

void sim_network::abandon(sim_backend& home) noexcept {
    for (sim_descriptor* const each : fds_) {
        if (each != nullptr && each->home() == &home) {
            each->retire();
        }
    }
}

void sim_network::bury(sim_socket& dead) noexcept {
    dead_.emplace_back(&dead);
}

result<int> sim_network::open_socket(int family, int type, int) {
    const int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) {
        return fail(errno_code(EAFNOSUPPORT));
    }
    if (kind != SOCK_STREAM) {
        return fail(errno_code(EPROTONOSUPPORT));
    }
    auto made = std::make_unique<sim_socket>(*this, family);
    const int fd = add_fd(*made);
    if (fd < 0) {
        return fail(errno_code(-fd));
    }
    made.release();
    return fd;
}

bool sim_network::is_taken(const socket_address& where, const sim_socket& by) const noexcept {
    return std::ranges::any_of(listeners_, [&](const sim_socket* each) {
        const bool overlaps =
            each->local().port() == where.port() && each->family() == where.family() &&
            (is_any(each->local()) || is_any(where) || is_same_host(each->local(), where));
        const bool shares =
            each->option(SOL_SOCKET, SO_REUSEPORT) != 0 && by.option(SOL_SOCKET, SO_REUSEPORT) != 0;
        return overlaps && !shares;
    });
}

result<void> sim_network::bind(sim_socket& socket, const socket_address& where) {
    if (where.family() != socket.family()) {
        return fail(errno_code(EAFNOSUPPORT));
    }
    if (socket.is_bound()) {
        return fail(errno_code(EINVAL));
    }
    socket_address address = where;
    if (where.family() != AF_UNIX && where.port() == 0) {
        do {
            address = with_port(where, next_port_);
            next_port_ = next_port_ == 60'999 ? 32'768 : next_port_ + 1;
        } while (is_taken(address, socket));
    } else if (is_taken(address, socket)) {
        return fail(errno_code(EADDRINUSE));
    }
    socket.set_local(address);
    return {};
}

void sim_network::bind_for(sim_socket& socket, const socket_address& target) {
    socket_address from = target;
    if (target.family() == AF_INET && !is_loopback(target)) {
        from = *socket_address::from_ip("10.0.0.1", 0);
    } else if (target.family() == AF_INET6 && !is_loopback(target)) {
        from = *socket_address::from_ip("fd00::1", 0);
    } else if (target.family() == AF_UNIX) {
        return;  // the connecting end has no name
    }
    const auto bound = bind(socket, with_port(from, 0));
    DRAMA_ASSERT(bound, "every port is taken");
}

void sim_network::start_listening(sim_socket& socket) {
    if (!socket.is_bound() && socket.family() != AF_UNIX) {
        const bool is_v4 = socket.family() == AF_INET;
        const auto bound = bind(socket, *socket_address::from_ip(is_v4 ? "0.0.0.0" : "::", 0));
        DRAMA_ASSERT(bound, "every port is taken");
    }
    listeners_.push_back(&socket);
}

void sim_network::stop_listening(sim_socket& socket) noexcept {
    std::erase(listeners_, &socket);
}

sim_socket* sim_network::listener_at(const socket_address& target) noexcept {
    sim_socket* found = nullptr;
    std::uint64_t candidates = 0;
    for (sim_socket* const each : listeners_) {
        const bool fits = each->local().port() == target.port() &&
                          each->family() == target.family() &&
                          (is_any(each->local()) || is_same_host(each->local(), target));
        if (fits && (++candidates == 1 || random_.below(candidates) == 0)) {
            found = each;
        }
    }
    return found;
}

std::int64_t sim_network::resolve(operation& op) {
    auto& asked = *static_cast<resolution*>(op.context);
    asked.found.clear();
    asked.resolver_error = 0;
    std::uint16_t port = 0;
    const char* const end = asked.service.data() + asked.service.size();
    if (!asked.service.empty() && std::from_chars(asked.service.data(), end, port).ptr != end) {
        return -EINVAL;
    }
    const auto add = [&](const socket_address& address) {
        if (asked.family == AF_UNSPEC || asked.family == address.family()) {
            asked.found.push_back(with_port(address, port));
        }
    };
    if (const auto numeric = socket_address::from_ip(op.path, port)) {
        add(*numeric);
    }
    for (const host& each : hosts_) {
        if (each.name == op.path) {
            add(each.address);
        }
    }
    return asked.found.empty() ? -ENOENT : static_cast<std::int64_t>(asked.found.size());
}

}  // namespace drama::inline v0
