// SPDX-License-Identifier: Apache-2.0
// The seam to the kernel's IO, or a simulated one: completion-shaped. Backends differ in how they
// wait, never in what a caller sees.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "drama/base/clock.hpp"
#include "drama/base/result.hpp"
#include "drama/io/operation.hpp"
#include "drama/io/socket_address.hpp"

namespace drama::inline v0 {

class process_system;

enum class submission : std::uint8_t {
    completed,  ///< done already: `outcome` is set and `done` is not called
    pending,    ///< accepted: `done` is called exactly once, at teardown too
};

/// One core's IO: operations go in, completions come out.
///
/// Threads: submit, reap and flush only by the thread that holds the core (which may change between
/// calls); post, cancel and wake by any thread.
class DRAMA_API io_backend {
  public:
    virtual ~io_backend() = default;

    /// Tries the operation at once where that cannot block; accepts it otherwise.
    virtual submission submit(operation& op) noexcept = 0;

    /// Accepts an operation from a thread that holds no core, and wakes the core.
    virtual void post(operation& op) noexcept = 0;

    /// Asks an accepted operation to end early. It completes once all the same: with -ECANCELED, or
    /// with its own outcome if that came first. Never blocks; may call `done` before it returns.
    /// An operation whose `done` ran (or runs right now on another thread) is left alone.
    /// Requires: the caller keeps `op` in memory until cancel returns, and calls it at most once;
    /// a backend that must remember the request longer delays `done` until it has forgotten it.
    virtual void cancel(operation& op) noexcept = 0;

    /// Hands what submit queued to the kernel. Called once a step.
    virtual void flush() noexcept = 0;

    /// Calls `done` of what has completed; waits up to `wait` for the first (zero: does not wait;
    /// duration::max(): without limit). Returns early on wake(). Yields the number of completions.
    virtual std::size_t reap(duration wait) noexcept = 0;

    /// Makes a waiting or the next waiting reap return. Threads: any; async-signal-safe.
    virtual void wake() noexcept = 0;

    /// Operations accepted and not completed.
    virtual std::size_t in_flight() const noexcept = 0;
};

/// Runs operations that block (files under epoll, name resolution everywhere) on reserved threads.
class io_offloader {
  public:
    virtual ~io_offloader() = default;
    /// Calls `run(op)` on a thread that may block; false if the queue is full (named limit) or no
    /// thread can be had: the operation then fails with -EAGAIN. Threads: any.
    virtual bool offload(operation& op, void (*run)(operation&) noexcept) noexcept = 0;
};

/// All IO of one runtime: makes the cores' backends and does the calls that cannot block.
///
/// Errors:  the kernel's errno under std::system_category.
/// Threads: any, apart from make_backend, which is called while the runtime starts.
class DRAMA_API io_system {
  public:
    virtual ~io_system() = default;

    /// "epoll", "uring" or the simulated one's name.
    virtual const char* name() const noexcept = 0;
    virtual result<std::unique_ptr<io_backend>> make_backend(std::size_t core) = 0;
    /// Where blocking operations go. Called once, before the first operation.
    virtual void set_offloader(io_offloader* offloader) noexcept = 0;

    /// A non-blocking, close-on-exec socket.
    virtual result<int> open_socket(int family, int type, int protocol) = 0;
    /// Two connected Unix sockets, as open_socket makes them.
    virtual result<std::array<int, 2>> open_pair(int type) = 0;
    /// A pipe, non-blocking and close-on-exec: the end to read, the end to write.
    virtual result<std::array<int, 2>> open_pipe() = 0;
    /// One more descriptor, close-on-exec, for what `fd` stands for.
    virtual result<int> duplicate(int fd) = 0;
    virtual result<void> bind(int fd, const socket_address& where) = 0;
    virtual result<void> listen(int fd, int backlog) = 0;
    virtual result<socket_address> local_address(int fd) = 0;
    virtual result<socket_address> peer_address(int fd) = 0;
    virtual result<void> set_option(int fd, int level, int option, int value) = 0;
    virtual result<int> get_option(int fd, int level, int option) = 0;
    /// `how` as shutdown(2): SHUT_RD, SHUT_WR, SHUT_RDWR.
    virtual result<void> shutdown(int fd, int how) = 0;
    /// Forgets and closes `fd`; operations still pending on it complete with -ECANCELED.
    virtual void close(int fd) noexcept = 0;
    /// Forgets `fd` without closing it: it goes back to whoever brought it.
    virtual void forget(int fd) noexcept = 0;

    /// Who has this system's signals and child processes; null: the machine has them.
    virtual process_system* processes() noexcept { return nullptr; }
};

}  // namespace drama::inline v0
