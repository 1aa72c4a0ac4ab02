// SPDX-License-Identifier: Apache-2.0
// Chooses the real IO of a runtime. Reads no environment variables: the runtime's options do.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "drama/base/result.hpp"
#include "drama/io/io_backend.hpp"

namespace drama::inline v0 {

enum class io_choice : std::uint8_t {
    automatic,  ///< the ring where the kernel allows it, else epoll
    epoll,
    uring,
};

/// Makes the IO of a runtime. If `reason` is given, it receives one line for the log: what was
/// chosen and why.
///
/// Errors: errno of io_uring_setup and its kin for `uring`, such as EPERM in a default container;
///         `automatic` falls back instead.
DRAMA_API result<std::unique_ptr<io_system>> make_io_system(io_choice choice,
                                                            std::string* reason = nullptr);

}  // namespace drama::inline v0
