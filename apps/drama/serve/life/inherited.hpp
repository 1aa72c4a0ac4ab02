// SPDX-License-Identifier: Apache-2.0
// Sockets that a supervisor opened for this process before it started: what LISTEN_PID, LISTEN_FDS
// and LISTEN_FDNAMES say (sd_listen_fds(3)).
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace drama::cli {

struct inherited_socket {
    int fd = -1;
    std::string name;  ///< FileDescriptorName= of its unit; the unit's own name by default
};

inline constexpr int inherited_fd_first = 3;
inline constexpr int inherited_fds_max = 64;

/// The three variables; nullopt: not set.
struct inherited_variables {
    std::optional<std::string> pid = {};
    std::optional<std::string> count = {};
    std::optional<std::string> names = {};
};

/// What they mean to process `self`: nothing, if they are for another one.
/// Errors: one line that names the variable that is wrong.
std::expected<std::vector<inherited_socket>, std::string> parse_inherited(
    const inherited_variables& from, pid_t self);

/// Which of them serves, and which shows the server to its operator: the one called `admin`.
struct listening_sockets {
    std::optional<int> serve;
    std::optional<int> admin;
};

/// Errors: one line; there are two for one purpose.
std::expected<listening_sockets, std::string> assign_sockets(
    const std::vector<inherited_socket>& inherited);

/// Takes the variables out of the environment, so that no child believes that they are for it, and
/// closes the sockets of such children. Threads: none other yet.
std::expected<listening_sockets, std::string> take_inherited();

}  // namespace drama::cli
