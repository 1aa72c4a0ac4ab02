// SPDX-License-Identifier: Apache-2.0
// The seam to signals and child processes, where they are not the machine's: a simulated node has
// its own. Waiting goes through descriptors and the backends, as for everything else.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "drama/base/export.hpp"
#include "drama/base/result.hpp"

namespace drama::inline v0 {

/// What is to be started. Lifetime: the call's.
struct child_request {
    const std::string& program;
    const std::vector<std::string>& arguments;  ///< after the program's own name
    std::array<bool, 3> piped{};                ///< standard streams that are pipes to the parent
};

/// A child that runs.
struct child_started {
    int fd = -1;  ///< readable, for op_code::poll, once it has ended; closed by the caller
    int pid = -1;
    std::array<int, 3> pipes{-1, -1, -1};  ///< the parent's ends, where they were asked for
};

struct child_ended {
    int code = 0;    ///< of exit; meaningless after a signal
    int signal = 0;  ///< that ended it; 0: it exited
};

/// Errors: errno's. Threads: any.
class DRAMA_API process_system {
  public:
    /// A descriptor from which op_code::read takes a signalfd_siginfo: one of `signals` (bit
    /// number - 1) that has come. Equal signals that come before it is read are one.
    virtual result<int> open_signals(std::uint64_t signals) = 0;

    /// Errors: ENOENT - there is no such program; EAGAIN, EMFILE.
    virtual result<child_started> start_child(const child_request& what) = 0;
    /// Errors: ESRCH - it has ended.
    virtual result<void> signal_child(int fd, int signal) = 0;
    /// How it ended. Errors: EAGAIN - it has not; ECHILD - that was told already.
    virtual result<child_ended> collect_child(int fd) = 0;
    /// Kills it if it runs, and forgets how it ended.
    virtual void drop_child(int fd) noexcept = 0;

  protected:
    ~process_system() = default;
};

}  // namespace drama::inline v0
