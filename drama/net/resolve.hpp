// SPDX-License-Identifier: Apache-2.0
// Names to addresses, on the threads that are reserved for it.
#pragma once

#include <source_location>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "drama/base/result.hpp"
#include "drama/coro/task.hpp"
#include "drama/io/socket_address.hpp"
#include "drama/net/endpoint.hpp"

namespace drama::inline v0 {

/// Looks `host` up, best address first. `service` is a port number or a name of /etc/services.
///
/// Suspends: until the system's resolver has answered; a lookup that has begun cannot be cut short,
///           so a stop or deadline ends it late (the resolver's own timeout bounds it).
/// Errors:   ENOENT - no such name; EAGAIN - no server answered; EINVAL - no such service;
///           errc::stop_requested, errc::deadline_exceeded.
DRAMA_API task<result<std::vector<socket_address>>> resolve(
    std::string host, std::string service, int socket_type = SOCK_STREAM,
    std::source_location from = std::source_location::current());

/// The addresses of an endpoint, at least one: numeric ones at once, names as above, an empty host
/// as the wildcard address of IPv4.
DRAMA_API task<result<std::vector<socket_address>>> resolve(
    endpoint where, int socket_type = SOCK_STREAM,
    std::source_location from = std::source_location::current());

}  // namespace drama::inline v0
