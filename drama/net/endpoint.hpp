// SPDX-License-Identifier: Apache-2.0
// Where to connect or listen: a host name or numeric address, and a port.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "drama/base/result.hpp"
#include "drama/io/socket_address.hpp"

namespace drama::inline v0 {

/// A host and a port, as users write them. Threads: as a value.
struct endpoint {
    std::string host;  ///< name or numeric address; empty: every address of this machine
    std::uint16_t port = 0;

    endpoint() = default;
    /// A constructor, not an aggregate: GCC 12 destroys braced aggregates in an await twice.
    endpoint(std::string at_host, std::uint16_t at_port)
        : host(std::move(at_host)), port(at_port) {}

    /// Parses "host:port", "1.2.3.4:80", "[::1]:80" and ":80".
    /// Errors: errc::bad_argument - no port, a port that is no number, an open bracket.
    static result<endpoint> parse(std::string_view text);
    /// The numeric form of an address. Unix addresses: their path, port 0.
    static endpoint of(const socket_address& address);

    std::string to_string() const;
    bool operator==(const endpoint&) const = default;
};

}  // namespace drama::inline v0
