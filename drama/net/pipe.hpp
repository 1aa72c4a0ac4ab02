// SPDX-License-Identifier: Apache-2.0
// Pipes and other byte streams with a descriptor of their own: FIFOs, terminals, device files.
#pragma once

#include <source_location>
#include <span>
#include <utility>

#include "drama/net/socket_wait.hpp"

namespace drama::inline v0 {

/// The reading end. As tcp_stream, for everything that read(2) understands.
class pipe_reader {
  public:
    pipe_reader() noexcept = default;
    /// Adopts a descriptor in any mode; a blocking one is never blocked on.
    explicit pipe_reader(io_fd end) noexcept : end_(std::move(end)) {}

    /// Reads at least one byte; yields 0 when all writers are gone. Requires: `into` is not empty.
    [[nodiscard]] internal::bytes_wait read_some(
        std::span<std::byte> into,
        std::source_location where = std::source_location::current()) noexcept {
        return {op_code::read, end_.get(), into, where};
    }
    [[nodiscard]] internal::events_wait wait_readable(
        std::source_location where = std::source_location::current()) noexcept {
        return {end_.get(), events::readable, where};
    }

    bool is_open() const noexcept { return static_cast<bool>(end_); }
    int fd() const noexcept { return end_.get(); }
    void close() noexcept { end_.reset(); }
    io_fd release() noexcept { return std::move(end_); }

  private:
    io_fd end_;
};

/// The writing end. Errors: EPIPE when all readers are gone; never the signal.
class pipe_writer {
  public:
    pipe_writer() noexcept = default;
    explicit pipe_writer(io_fd end) noexcept : end_(std::move(end)) {}

    /// Writes at least one byte. Requires: `from` is not empty.
    [[nodiscard]] internal::bytes_wait write_some(
        std::span<const std::byte> from,
        std::source_location where = std::source_location::current()) noexcept {
        return {op_code::write, end_.get(), from, where};
    }
    [[nodiscard]] task<result<void>> write_all(
        std::span<const std::byte> from,
        std::source_location where = std::source_location::current()) {
        return internal::write_everything(op_code::write, end_.get(), from, where);
    }

    bool is_open() const noexcept { return static_cast<bool>(end_); }
    int fd() const noexcept { return end_.get(); }
    void close() noexcept { end_.reset(); }
    io_fd release() noexcept { return std::move(end_); }

  private:
    io_fd end_;
};

struct pipe_ends {
    pipe_reader reader;
    pipe_writer writer;
};

/// A new pipe. Requires: called from a task. Errors: EMFILE, ENFILE.
DRAMA_API result<pipe_ends> make_pipe();

}  // namespace drama::inline v0
