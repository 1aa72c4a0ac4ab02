// SPDX-License-Identifier: Apache-2.0
// An io_system that passes everything on to another: the base of those that change one thing.
#pragma once

#include <array>
#include <memory>
#include <utility>

#include "drama/io/io_backend.hpp"

namespace drama::inline v0 {

/// Threads: as the system within.
class forwarding_system : public io_system {
  public:
    explicit forwarding_system(std::unique_ptr<io_system> in) noexcept : in_(std::move(in)) {}

    const char* name() const noexcept override { return in_->name(); }
    result<std::unique_ptr<io_backend>> make_backend(std::size_t core) override {
        return in_->make_backend(core);
    }
    void set_offloader(io_offloader* offloader) noexcept override { in_->set_offloader(offloader); }
    result<int> open_socket(int family, int type, int protocol) override {
        return in_->open_socket(family, type, protocol);
    }
    result<std::array<int, 2>> open_pair(int type) override { return in_->open_pair(type); }
    result<std::array<int, 2>> open_pipe() override { return in_->open_pipe(); }
    result<int> duplicate(int fd) override { return in_->duplicate(fd); }
    result<void> bind(int fd, const socket_address& where) override { return in_->bind(fd, where); }
    result<void> listen(int fd, int backlog) override { return in_->listen(fd, backlog); }
    result<socket_address> local_address(int fd) override { return in_->local_address(fd); }
    result<socket_address> peer_address(int fd) override { return in_->peer_address(fd); }
    result<void> set_option(int fd, int level, int option, int value) override {
        return in_->set_option(fd, level, option, value);
    }
    result<int> get_option(int fd, int level, int option) override {
        return in_->get_option(fd, level, option);
    }
    result<void> shutdown(int fd, int how) override { return in_->shutdown(fd, how); }
    void close(int fd) noexcept override { in_->close(fd); }
    void forget(int fd) noexcept override { in_->forget(fd); }
    process_system* processes() noexcept override { return in_->processes(); }

  private:
    std::unique_ptr<io_system> in_;
};

}  // namespace drama::inline v0
