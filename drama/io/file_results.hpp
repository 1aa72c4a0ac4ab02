// SPDX-License-Identifier: Apache-2.0
// What the operations fill that yield more than a number: directory listings and name resolutions.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "drama/io/socket_address.hpp"

namespace drama::inline v0 {

struct directory_item {
    std::string name;
    std::uint8_t type = 0;  ///< DT_REG, DT_DIR, DT_LNK ... of <dirent.h>; DT_UNKNOWN is possible
};

/// Filled by op_code::list_directory; "." and ".." are left out, the order is the file system's.
struct directory_listing {
    std::size_t items_max = 1'000'000;  ///< in: the operation fails with -E2BIG beyond
    std::vector<directory_item> items;  ///< out
};

/// Asked and filled by op_code::resolve; the operation's `path` is the host name.
struct resolution {
    std::string service;                ///< in: port number or service name; empty: port 0
    int family = AF_UNSPEC;             ///< in
    int socket_type = SOCK_STREAM;      ///< in
    std::vector<socket_address> found;  ///< out, best first
    int resolver_error = 0;             ///< out: EAI_* of <netdb.h>, 0 on success
};

}  // namespace drama::inline v0
