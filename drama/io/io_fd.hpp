// SPDX-License-Identifier: Apache-2.0
// Owns one descriptor of an io_system, real or simulated; unique_fd owns one of the machine.
#pragma once

#include <utility>

#include "drama/io/io_backend.hpp"

namespace drama::inline v0 {

/// Closes its descriptor through its io_system when destroyed. Threads: as int.
/// Lifetime: the io_system outlives it.
class io_fd {
  public:
    io_fd() noexcept = default;
    io_fd(io_system& io, int fd) noexcept : io_(&io), fd_(fd) {}
    io_fd(io_fd&& other) noexcept : io_(other.io_), fd_(other.release()) {}
    io_fd& operator=(io_fd&& other) noexcept {
        if (this != &other) {
            reset();
            io_ = other.io_;
            fd_ = other.release();
        }
        return *this;
    }
    ~io_fd() { reset(); }

    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    /// Requires: it was made with a descriptor, or assigned from one that was.
    io_system& io() const noexcept { return *io_; }
    /// Gives up ownership and returns the descriptor.
    int release() noexcept { return std::exchange(fd_, -1); }
    /// Closes what it owns; operations still pending on it complete with -ECANCELED.
    void reset() noexcept {
        if (fd_ >= 0) {
            io_->close(release());
        }
    }

  private:
    io_system* io_ = nullptr;
    int fd_ = -1;
};

}  // namespace drama::inline v0
