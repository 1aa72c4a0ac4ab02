// SPDX-License-Identifier: Apache-2.0
// Waiting for descriptors that other libraries bring along.
#pragma once

#include <source_location>

#include "drama/net/socket_wait.hpp"

namespace drama::inline v0 {
namespace internal {

class DRAMA_API poll_wait : public io_awaiter {
  public:
    poll_wait(int descriptor, events wanted, std::source_location at) noexcept;
    bool await_ready() const noexcept { return static_cast<bool>(failed_); }
    [[nodiscard]] result<events> await_resume() noexcept;

  private:
    // A duplicate: the library may close and reuse its number, and two tasks may wait for the same
    // descriptor, without anything to forget afterwards.
    io_fd copy_;
    std::error_code failed_;
};

}  // namespace internal

/// Waits until `fd` has one of `wanted`, or failed or hung up; yields what is the case. The
/// descriptor stays the caller's, in whatever mode it is. Regular files are always ready.
///
/// Errors:   EBADF; EMFILE; errc::stop_requested, errc::deadline_exceeded.
/// Lifetime: `fd` may be closed while the wait stands; its file stays open until the wait ends.
[[nodiscard]] inline internal::poll_wait poll_fd(
    int fd, events wanted, std::source_location where = std::source_location::current()) noexcept {
    return {fd, wanted, where};
}

}  // namespace drama::inline v0
