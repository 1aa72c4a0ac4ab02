// SPDX-License-Identifier: Apache-2.0
// What a name of a simulated disk stands for: a file, a directory or a socket.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include <sys/types.h>

#include "drama/sim/disk/internal/file_content.hpp"

namespace drama::inline v0::internal {

struct file_node;
using file_names = std::map<std::string, std::shared_ptr<file_node>, std::less<>>;

struct file_node {
    bool is_directory = false;
    bool is_socket = false;  ///< a name, and nothing to open
    mode_t mode = 0;
    std::uint64_t number = 0;
    std::int64_t changed_ns = 0;

    // A file.
    file_content content;
    std::uint64_t failed_write_backs = 0;
    bool never_syncs = false;

    // A directory: its names as processes see them, and those on the medium.
    file_names names;
    file_names durable_names;
};

}  // namespace drama::inline v0::internal
