// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/internal/sim_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

namespace drama::inline v0::internal {
namespace {

std::uint64_t option_key(int level, int name) noexcept {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(level)) << 32 |
           static_cast<std::uint32_t>(name);
}

}  // namespace

result<void> sim_socket::listen(int) {
    return fail(errno_code(EOPNOTSUPP));
}

int sim_socket::option(int level, int name) const noexcept {
    for (const auto& [key, value] : options_) {
        if (key == option_key(level, name)) {
            return value;
        }
    }
    return 0;
}

void sim_socket::set_option(int level, int name, int value) {
    for (auto& [key, kept] : options_) {
        if (key == option_key(level, name)) {
            kept = value;
            return;
        }
    }
    options_.emplace_back(option_key(level, name), value);
}

std::size_t sim_socket::shorten(std::size_t bytes) noexcept {
    const std::uint32_t one_in = network_.options().short_one_in;
    if (one_in == 0 || bytes < 2 || network_.random().below(one_in) != 0) {
        return bytes;
    }
    return 1 + network_.random().below(bytes - 1);
}

void sim_socket::tell_address(const socket_address& from, sockaddr* into, unsigned* room) noexcept {
    if (into != nullptr && room != nullptr) {
        std::memcpy(into, from.data(), std::min<std::size_t>(*room, from.size()));
        *room = from.size();
    }
}

}  // namespace drama::inline v0::internal
