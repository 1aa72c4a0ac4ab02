// SPDX-License-Identifier: Apache-2.0
// Owns one file descriptor of the machine.
#pragma once

#include <utility>

#include "drama/base/export.hpp"

namespace drama::inline v0 {

/// Closes its descriptor when destroyed. Threads: as int.
class DRAMA_API unique_fd {
  public:
    unique_fd() noexcept = default;
    explicit unique_fd(int fd) noexcept : fd_(fd) {}
    unique_fd(unique_fd&& other) noexcept : fd_(other.release()) {}
    unique_fd& operator=(unique_fd&& other) noexcept {
        reset(other.release());
        return *this;
    }
    ~unique_fd() { reset(); }

    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    /// Gives up ownership and returns the descriptor.
    int release() noexcept { return std::exchange(fd_, -1); }
    /// Closes what it owns, then owns `fd`.
    void reset(int fd = -1) noexcept;

  private:
    int fd_ = -1;
};

}  // namespace drama::inline v0
