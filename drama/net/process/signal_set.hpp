// SPDX-License-Identifier: Apache-2.0
// Signals as something to wait for, by way of a signalfd: no handlers, no interrupted calls.
#pragma once

#include <initializer_list>
#include <source_location>
#include <utility>

#include <sys/signalfd.h>

#include "drama/net/socket_wait.hpp"

namespace drama::inline v0 {
namespace internal {

class signal_wait : public io_awaiter {
  public:
    signal_wait(int descriptor, std::source_location at) noexcept
        : io_awaiter(op_code::read, work_class::read, at) {
        op().fd = descriptor;
        op().buffer = &info_;
        op().length = sizeof info_;
    }
    [[nodiscard]] result<int> await_resume() noexcept {
        const auto finished = finish();
        if (!finished) {
            return fail(net_error(finished.error()));
        }
        return static_cast<int>(info_.ssi_signo);
    }

  private:
    signalfd_siginfo info_{};
};

}  // namespace internal

/// Keeps `signals` from being delivered to the calling thread and to the threads that it starts.
/// Call it at the beginning of main, before any thread exists; a signal_set receives them then.
/// Errors: EINVAL for a number that is no signal.
DRAMA_API result<void> block_signals(std::initializer_list<int> signals);

/// Receives signals of the process that are blocked everywhere. Threads, Lifetime: as tcp_stream.
class DRAMA_API signal_set {
  public:
    /// Requires: called from a task.
    /// Errors: errc::bad_argument - a thread of the process does not block all of `signals`, so
    ///         they could end the process instead: call block_signals earlier; EMFILE.
    static result<signal_set> open(std::initializer_list<int> signals);

    /// Waits for one of the signals; yields its number. Equal signals that come before it is
    /// awaited are one.
    [[nodiscard]] internal::signal_wait wait(
        std::source_location where = std::source_location::current()) noexcept {
        return {descriptor_.get(), where};
    }
    void close() noexcept { descriptor_.reset(); }

  private:
    explicit signal_set(io_fd descriptor) noexcept : descriptor_(std::move(descriptor)) {}
    io_fd descriptor_;
};

}  // namespace drama::inline v0
