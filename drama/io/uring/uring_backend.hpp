// SPDX-License-Identifier: Apache-2.0
// A core's IO with an io_uring for files. Sockets and pipes use epoll here too: a ring completion
// runs as task work of the thread that submitted it, and a thread that lost its core to a hand-over
// would hold back every receive that it had armed. File operations end soon by themselves.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "drama/base/mpsc_stack.hpp"
#include "drama/io/epoll/epoll_backend.hpp"

namespace drama::inline v0 {

namespace internal {
class file_ring;
}

/// epoll_backend whose file operations go to a ring that the worker itself submits to. What the
/// ring cannot do (name resolution, directories, files that are neither regular nor block devices,
/// opcodes that the kernel lacks) goes to the offloader.
///
/// Threads: a thread that submitted must not exit before its operations have completed. Its exit
///          may wait in the kernel for one that blocks, such as the open of a FIFO; what the kernel
///          cancels on that occasion is repeated by the offloader.
class uring_backend final : public epoll_backend {
  public:
    explicit uring_backend(posix_system& system) noexcept;
    /// Cancels what is in the ring and waits for it, then as epoll_backend.
    ~uring_backend() override;

    /// Errors: as epoll_backend::open and file_ring::open.
    result<void> open();
    void flush() noexcept override;

  protected:
    submission start_file(operation& op, internal::op_stage from) noexcept override;
    void cancel_file(operation& op) noexcept override;
    std::size_t reap_files(duration& wait) noexcept override;

  private:
    bool belongs_in_ring(const operation& op) noexcept;
    void fill_ring() noexcept;
    std::size_t drain_cancels() noexcept;
    std::size_t take_completions() noexcept;
    std::size_t complete(operation& op, std::int64_t outcome) noexcept;

    std::unique_ptr<internal::file_ring> ring_;
    internal::op_queue waiting_;     // for room in the ring
    internal::op_queue in_ring_;     // the kernel's
    std::size_t operations_ = 0;     // length of in_ring_
    std::size_t cancellations_ = 0;  // the kernel's too
    std::size_t parked_ = 0;         // ring_done, until their node comes out of cancels_
    bool has_unsubmitted_ = false;
    // Pushed by any thread; rule 4 of op_stage.hpp keeps what is in it alive.
    mpsc_stack<operation, &operation::next_cancel> cancels_;
};

/// Real IO: files on io_uring, the rest on epoll. Threads: as io_system.
class uring_system final : public posix_system {
  public:
    const char* name() const noexcept override { return "uring"; }
    result<std::unique_ptr<io_backend>> make_backend(std::size_t core) override;

    /// Makes a ring and drops it. Yields what the kernel offers, for the log.
    /// Errors: as file_ring::open.
    static result<std::string> probe();
};

}  // namespace drama::inline v0
