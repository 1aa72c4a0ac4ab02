// SPDX-License-Identifier: Apache-2.0
// Operations as plain blocking syscalls: what the threads of an io_offloader run.
#pragma once

#include <cstdint>

#include "drama/io/operation.hpp"

namespace drama::inline v0 {

/// Does a file operation, `read`, `write` or `resolve`, and yields its outcome. May block without
/// limit. `operation::outcome` stays untouched. Files are opened close-on-exec.
///
/// Errors:  a negative errno; resolve: -ENOENT unknown name, -EAGAIN no server answered,
///          -EINVAL unknown service or family, -EIO otherwise.
/// Threads: any that may block.
std::int64_t perform(operation& op) noexcept;

}  // namespace drama::inline v0
