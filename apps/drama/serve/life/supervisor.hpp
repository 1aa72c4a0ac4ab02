// SPDX-License-Identifier: Apache-2.0
// The service manager above this process, as sd_notify(3) describes it: told by datagrams to the
// socket that NOTIFY_SOCKET names. Without one, nothing is told and nothing fails.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "drama/base/clock.hpp"
#include "drama/base/result.hpp"
#include "drama/base/unique_fd.hpp"

namespace drama::cli {

/// NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; nullopt: not set.
struct supervisor_variables {
    std::optional<std::string> socket = {};
    std::optional<std::string> watchdog_us = {};
    std::optional<std::string> watchdog_pid = {};
};

/// Threads: alive from any; the rest one at a time.
class supervisor {
  public:
    /// Nobody.
    supervisor() noexcept = default;
    /// Errors: one line that names the variable that is wrong.
    static std::expected<supervisor, std::string> make(const supervisor_variables& from,
                                                       pid_t self);
    /// Of the environment, out of which the variables are taken. Threads: none other yet.
    static std::expected<supervisor, std::string> take();

    bool is_there() const noexcept { return static_cast<bool>(socket_); }
    /// Within this time it wants to hear that the process is alive; zero: never.
    duration watchdog() const noexcept { return watchdog_; }

    /// It serves; also the end of what `reloading` began. `status` is one line for its operator.
    void ready(const std::string& status) { tell("READY=1", status); }
    void reloading();
    void stopping(const std::string& status) { tell("STOPPING=1", status); }
    /// Never waits: it is lost if the manager does not read.
    void alive() const noexcept;

  private:
    /// Empty, or what is wrong with `path`.
    std::string aim_at(const std::string& path);
    void tell(const std::string& what, const std::string& status);
    bool send(std::string_view text, int flags) const noexcept;

    unique_fd socket_;
    sockaddr_un where_{};
    socklen_t where_bytes_ = 0;
    duration watchdog_ = duration::zero();
};

}  // namespace drama::cli
