// SPDX-License-Identifier: Apache-2.0
// The part of real IO that every real backend shares: the calls that cannot block, the table of
// descriptors, the offloader.
#pragma once

#include "drama/io/epoll/fd_table.hpp"
#include "drama/io/io_backend.hpp"

namespace drama::inline v0 {

/// io_system over the machine's syscalls; derived classes make the backends.
///
/// A descriptor that was given to an operation must be closed by close(), or forgotten by forget(),
/// and not by ::close: the kernel hands out its number again. Neither may run while another thread
/// is inside submit() with the same descriptor, nor while file operations are in flight on it.
class posix_system : public io_system {
  public:
    void set_offloader(io_offloader* offloader) noexcept override { offloader_ = offloader; }
    io_offloader* offloader() const noexcept { return offloader_; }
    internal::fd_table& fds() noexcept { return fds_; }

    result<int> open_socket(int family, int type, int protocol) override;
    result<std::array<int, 2>> open_pair(int type) override;
    result<std::array<int, 2>> open_pipe() override;
    result<int> duplicate(int fd) override;
    result<void> bind(int fd, const socket_address& where) override;
    result<void> listen(int fd, int backlog) override;
    result<socket_address> local_address(int fd) override;
    result<socket_address> peer_address(int fd) override;
    result<void> set_option(int fd, int level, int option, int value) override;
    result<int> get_option(int fd, int level, int option) override;
    result<void> shutdown(int fd, int how) override;
    void close(int fd) noexcept override;
    void forget(int fd) noexcept override;

  private:
    internal::fd_table fds_;
    io_offloader* offloader_ = nullptr;
};

}  // namespace drama::inline v0
