// SPDX-License-Identifier: Apache-2.0
// One HTTP GET at a time over a connection of its own, blocking: for looking at an admin endpoint.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "drama/io/socket_address.hpp"

namespace drama::cli {

/// The first address of HOST:PORT, or one line that says why there is none. It may ask the
/// resolver, and so block.
std::expected<socket_address, std::string> resolve(std::string_view host_and_port);

/// The body of an answer 200, or one line that says what came instead. At most 64 MiB, and 5 s for
/// each piece of it.
std::expected<std::string, std::string> fetch(const socket_address& from, std::string_view path);

}  // namespace drama::cli
