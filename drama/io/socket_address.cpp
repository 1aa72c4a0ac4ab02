// SPDX-License-Identifier: Apache-2.0
#include "drama/io/socket_address.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

#include <arpa/inet.h>

namespace drama::inline v0 {
namespace {

constexpr std::size_t unix_header = offsetof(sockaddr_un, sun_path);

// "fe80::1%2": splits off the numeric scope. False if what follows '%' is not a number.
bool split_scope(std::string& ip, std::uint32_t& scope) noexcept {
    const std::size_t percent = ip.find('%');
    if (percent == std::string::npos) {
        return true;
    }
    const char* first = ip.data() + percent + 1;
    const char* last = ip.data() + ip.size();
    const auto [end, error] = std::from_chars(first, last, scope);
    if (error != std::errc{} || end != last) {
        return false;
    }
    ip.resize(percent);
    return true;
}

std::string unix_to_string(const sockaddr_un& address, std::size_t size) {
    if (size <= unix_header) {
        return "unix:unnamed";
    }
    const std::size_t room = std::min(size - unix_header, sizeof address.sun_path);
    if (address.sun_path[0] == '\0') {
        return '@' + std::string(address.sun_path + 1, room - 1);
    }
    return std::string(address.sun_path, ::strnlen(address.sun_path, room));
}

}  // namespace

socket_address::socket_address(const sockaddr* from, socklen_t bytes) noexcept {
    size_ = std::min<socklen_t>(bytes, sizeof storage_);
    std::memcpy(static_cast<void*>(&storage_), from, size_);
}

result<socket_address> socket_address::from_ip(std::string_view ip, std::uint16_t port) {
    socket_address made;
    std::string text(ip);  // inet_pton needs the terminator
    if (::inet_pton(AF_INET, text.c_str(), &made.storage_.v4.sin_addr) == 1) {
        made.storage_.v4.sin_family = AF_INET;
        made.storage_.v4.sin_port = htons(port);
        made.size_ = sizeof made.storage_.v4;
        return made;
    }
    std::uint32_t scope = 0;
    if (split_scope(text, scope) &&
        ::inet_pton(AF_INET6, text.c_str(), &made.storage_.v6.sin6_addr) == 1) {
        made.storage_.v6.sin6_family = AF_INET6;
        made.storage_.v6.sin6_port = htons(port);
        made.storage_.v6.sin6_scope_id = scope;
        made.size_ = sizeof made.storage_.v6;
        return made;
    }
    return fail(errc::bad_argument);
}

result<socket_address> socket_address::from_unix(std::string_view path) {
    socket_address made;
    sockaddr_un& local = made.storage_.local;
    const bool is_abstract = path.starts_with('@');
    // A path needs its terminator; an abstract name is counted instead.
    const std::size_t room = sizeof local.sun_path - (is_abstract ? 0 : 1);
    if (path.empty() || path.size() > room ||
        (!is_abstract && path.find('\0') != std::string_view::npos)) {
        return fail(errc::bad_argument);
    }
    local.sun_family = AF_UNIX;
    std::memcpy(local.sun_path, path.data(), path.size());
    made.size_ = static_cast<socklen_t>(unix_header + path.size() + (is_abstract ? 0 : 1));
    if (is_abstract) {
        local.sun_path[0] = '\0';
    }
    return made;
}

std::uint16_t socket_address::port() const noexcept {
    switch (family()) {
        case AF_INET:
            return ntohs(storage_.v4.sin_port);
        case AF_INET6:
            return ntohs(storage_.v6.sin6_port);
        default:
            return 0;
    }
}

std::string socket_address::to_string() const {
    char text[INET6_ADDRSTRLEN] = {};
    switch (family()) {
        case AF_INET:
            ::inet_ntop(AF_INET, &storage_.v4.sin_addr, text, sizeof text);
            return std::string(text) + ':' + std::to_string(port());
        case AF_INET6: {
            ::inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text, sizeof text);
            std::string made = std::string("[") + text;
            if (storage_.v6.sin6_scope_id != 0) {
                made += '%' + std::to_string(storage_.v6.sin6_scope_id);
            }
            return made + "]:" + std::to_string(port());
        }
        case AF_UNIX:
            return unix_to_string(storage_.local, size_);
        default:
            return "unspecified";
    }
}

}  // namespace drama::inline v0
