// SPDX-License-Identifier: Apache-2.0
// A socket address of any family, held by value.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "drama/base/result.hpp"

namespace drama::inline v0 {

/// IPv4, IPv6 or Unix address. Threads: as a value.
class DRAMA_API socket_address {
  public:
    socket_address() noexcept { storage_.plain.sa_family = AF_UNSPEC; }
    socket_address(const sockaddr* from, socklen_t bytes) noexcept;

    /// Parses "127.0.0.1" or "::1". Errors: errc::bad_argument for anything that is not numeric.
    static result<socket_address> from_ip(std::string_view ip, std::uint16_t port);
    /// A path, or an abstract name if it begins with '@'. Errors: errc::bad_argument if too long.
    static result<socket_address> from_unix(std::string_view path);

    int family() const noexcept { return storage_.plain.sa_family; }
    /// 0 for Unix addresses.
    std::uint16_t port() const noexcept;
    /// "127.0.0.1:80", "[::1]:80" or the Unix path.
    std::string to_string() const;

    sockaddr* data() noexcept { return &storage_.plain; }
    const sockaddr* data() const noexcept { return &storage_.plain; }
    socklen_t size() const noexcept { return size_; }
    socklen_t* size_address() noexcept { return &size_; }
    /// Makes room for the kernel to write any address.
    void prepare_output() noexcept { size_ = sizeof storage_; }

  private:
    union {
        sockaddr_un local;  // the largest first: {} zeroes it, and so every byte
        sockaddr plain;
        sockaddr_in v4;
        sockaddr_in6 v6;
    } storage_{};
    socklen_t size_ = 0;
};

}  // namespace drama::inline v0
