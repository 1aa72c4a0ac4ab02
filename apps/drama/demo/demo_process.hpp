// SPDX-License-Identifier: Apache-2.0
// The servers of the demonstration: started from this program's own file, or another command that
// answers the same routes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "drama/base/result.hpp"
#include "drama/base/unique_fd.hpp"

namespace drama::cli {

/// A new folder for files that are for a while; removed with all that is in it when destroyed.
class temporary_folder {
  public:
    /// Errors: errno, of the folder that it is to be in.
    static result<temporary_folder> make();
    temporary_folder(temporary_folder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    temporary_folder& operator=(temporary_folder&&) = delete;
    ~temporary_folder();

    const std::string& path() const noexcept { return path_; }

  private:
    explicit temporary_folder(std::string path) noexcept : path_(std::move(path)) {}

    std::string path_;
};

/// A server in a process of its own; stopped when destroyed.
class served_process {
  public:
    /// Starts `command` (program and first arguments, parted by spaces; empty: `drama serve` on a
    /// free port) and waits until it says that it is ready. Errors: errno; errc::end_of_stream if
    /// it ended instead.
    static result<served_process> start(std::vector<std::string> arguments,
                                        const std::string& command = {});
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

}  // namespace drama::cli
