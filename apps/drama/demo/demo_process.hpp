// SPDX-License-Identifier: Apache-2.0
// The processes of the demonstration: servers started from this program's own file, and clients
// forked from it, which answer through a pipe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "drama/base/result.hpp"
#include "drama/base/unique_fd.hpp"

namespace drama::cli {

/// `drama serve` in a process of its own; stopped when destroyed.
class served_process {
  public:
    /// Starts it and waits until it says that it is ready. Errors: errno; errc::end_of_stream if it
    /// ended instead.
    static result<served_process> start(std::vector<std::string> arguments);
    served_process(served_process&& other) noexcept;
    served_process& operator=(served_process&&) = delete;
    ~served_process();

    std::uint16_t port() const noexcept { return port_; }
    /// 0 if it has no admin endpoint.
    std::uint16_t admin_port() const noexcept { return admin_port_; }
    const std::string& ready_line() const noexcept { return ready_line_; }
    pid_t pid() const noexcept { return pid_; }

  private:
    served_process() = default;

    pid_t pid_ = -1;
    std::uint16_t port_ = 0;
    std::uint16_t admin_port_ = 0;
    std::string ready_line_;
    unique_fd output_;
};

/// Runs `work` in a forked process; what it writes to the descriptor it is given can be read here.
class forked_client {
  public:
    explicit forked_client(const std::function<void(int)>& work);
    forked_client(const forked_client&) = delete;
    forked_client& operator=(const forked_client&) = delete;
    ~forked_client();

    /// All that it writes until it ends.
    std::string read_all();

  private:
    pid_t pid_ = -1;
    unique_fd output_;
};

/// Writes all of it; a reader that is gone ends the process.
void write_all(int descriptor, const void* bytes, std::size_t count) noexcept;

}  // namespace drama::cli
