// SPDX-License-Identifier: Apache-2.0
// One non-blocking try of a socket, pipe or poll operation.
#pragma once

#include <cstdint>

#include "drama/io/epoll/fd_table.hpp"
#include "drama/io/operation.hpp"

namespace drama::inline v0::internal {

/// Outcomes of attempt() that are no outcome of the operation.
inline constexpr std::int64_t would_block = INT64_MIN;
inline constexpr std::int64_t needs_offload = INT64_MIN + 1;

/// Tries `op` once and never blocks, whatever the mode of its descriptor; with one exception: a tty
/// in blocking mode is asked with poll(2) first, and another process that reads the same tty could
/// take the line in between.
/// Listeners and connecting sockets in blocking mode are made non-blocking: there is no other way.
/// Nothing else changes the mode of a descriptor, which other processes may share.
///
/// Requires: the lock of `entry`, the entry of op.fd; op is no file operation.
std::int64_t attempt(operation& op, fd_entry& entry) noexcept;

/// True if `fd` is a regular file, a directory or a block device. Remembers the answer in `entry`.
/// Requires: the lock of `entry`.
bool is_file(int fd, fd_entry& entry) noexcept;

}  // namespace drama::inline v0::internal
