// SPDX-License-Identifier: Apache-2.0
// Unix stream sockets, which also carry descriptors from process to process.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sys/uio.h>

#include "drama/coro/task.hpp"
#include "drama/net/socket_wait.hpp"

namespace drama::inline v0 {

/// Descriptors that one message carries at most.
inline constexpr std::size_t passed_fds_max = 16;

struct received_with_fds {
    std::size_t bytes = 0;       ///< 0: end of the stream
    std::vector<io_fd> fds;      ///< close-on-exec, in the mode that the sender left them
    bool fds_were_lost = false;  ///< there were more than passed_fds_max, or no room for them
};

namespace internal {

class DRAMA_API fds_wait : public io_awaiter {
  protected:
    fds_wait(op_code what, work_class completed_as, std::source_location at) noexcept
        : io_awaiter(what, completed_as, at) {}
    void fill(int descriptor, void* bytes, std::size_t count) noexcept;

    iovec part_{};
    msghdr message_{};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int) * passed_fds_max)> control_{};
};

class DRAMA_API send_fds_wait : public fds_wait {
  public:
    send_fds_wait(int descriptor, std::span<const std::byte> bytes, std::span<const int> fds,
                  std::source_location at) noexcept;
    [[nodiscard]] result<std::size_t> await_resume() noexcept;
};

class DRAMA_API receive_fds_wait : public fds_wait {
  public:
    receive_fds_wait(int descriptor, std::span<std::byte> into, std::source_location at) noexcept;
    /// Errors: throws std::bad_alloc.
    [[nodiscard]] result<received_with_fds> await_resume();
};

}  // namespace internal

/// A connected Unix stream. Errors, Threads, Lifetime: as tcp_stream.
class DRAMA_API unix_stream {
  public:
    unix_stream() noexcept = default;
    explicit unix_stream(io_fd socket, const socket_address& = {}) noexcept
        : socket_(std::move(socket)) {}

    /// Connects to a path, or to an abstract name that begins with '@'.
    /// Suspends: also while the listener's backlog is full.
    /// Errors: ENOENT, ECONNREFUSED, errc::bad_argument - the path is too long.
    static task<result<unix_stream>> connect(
        std::string path, std::source_location from = std::source_location::current());
    /// Two connected ends. Requires: called from a task.
    static result<std::pair<unix_stream, unix_stream>> make_pair();

    [[nodiscard]] internal::bytes_wait read_some(
        std::span<std::byte> into,
        std::source_location where = std::source_location::current()) noexcept {
        return {op_code::recv, socket_.get(), into, where};
    }
    [[nodiscard]] internal::bytes_wait write_some(
        std::span<const std::byte> from,
        std::source_location where = std::source_location::current()) noexcept {
        return {op_code::send, socket_.get(), from, where};
    }
    [[nodiscard]] task<result<void>> write_all(
        std::span<const std::byte> from,
        std::source_location where = std::source_location::current()) {
        return internal::write_everything(op_code::send, socket_.get(), from, where);
    }
    [[nodiscard]] internal::events_wait wait_readable(
        std::source_location where = std::source_location::current()) noexcept {
        return {socket_.get(), events::readable | events::peer_closed, where};
    }

    /// Writes some of `from` and passes duplicates of `fds` with its first byte.
    /// Requires: `from` is not empty; at most passed_fds_max descriptors.
    [[nodiscard]] internal::send_fds_wait send_with_fds(
        std::span<const std::byte> from, std::span<const int> fds,
        std::source_location where = std::source_location::current()) noexcept {
        return {socket_.get(), from, fds, where};
    }
    /// Reads some bytes and the descriptors that came with them.
    [[nodiscard]] internal::receive_fds_wait receive_with_fds(
        std::span<std::byte> into,
        std::source_location where = std::source_location::current()) noexcept {
        return {socket_.get(), into, where};
    }

    result<void> shutdown_write() { return socket_.io().shutdown(socket_.get(), SHUT_WR); }
    bool is_open() const noexcept { return static_cast<bool>(socket_); }
    int fd() const noexcept { return socket_.get(); }
    void close() noexcept { socket_.reset(); }
    io_fd release() noexcept { return std::move(socket_); }

  private:
    io_fd socket_;
};

/// A listening Unix socket. As tcp_listener. Its path stays in the file system when it is closed.
class DRAMA_API unix_listener {
  public:
    unix_listener() noexcept;
    unix_listener(unix_listener&&) noexcept;
    unix_listener& operator=(unix_listener&&) noexcept;
    ~unix_listener();

    /// Errors: EADDRINUSE if the path exists, also as a left-over of another run: remove it first.
    static task<result<unix_listener>> bind(std::string path, int backlog = 1024);
    [[nodiscard]] task<result<unix_stream>> accept(
        std::source_location where = std::source_location::current());

    std::uint64_t refused_for_descriptors() const noexcept;
    bool is_open() const noexcept;
    void close() noexcept;

  private:
    std::unique_ptr<internal::accept_gate, internal::close_gate> gate_;
};

}  // namespace drama::inline v0
