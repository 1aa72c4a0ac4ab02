// SPDX-License-Identifier: Apache-2.0
#include "serve/life/inherited.hpp"

#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "drama/http/query.hpp"
#include "serve/life/environment.hpp"

namespace drama::cli {
namespace {

std::vector<std::string> split_names(std::string_view text) {
    std::vector<std::string> names;
    for (;;) {
        const std::size_t colon = text.find(':');
        names.emplace_back(text.substr(0, colon));
        if (colon == std::string_view::npos) {
            return names;
        }
        text.remove_prefix(colon + 1);
    }
}

}  // namespace

std::expected<std::vector<inherited_socket>, std::string> parse_inherited(
    const inherited_variables& from, pid_t self) {
    std::vector<inherited_socket> made;
    if (!from.pid || !from.count) {
        return made;
    }
    const auto pid = parse_number(*from.pid, {.min = 1, .max = 0x7fffffff});
    if (!pid) {
        return std::unexpected("LISTEN_PID: '" + *from.pid + "' is no process id");
    }
    if (static_cast<pid_t>(*pid) != self) {
        return made;
    }
    const auto count = parse_number(*from.count, {.min = 0, .max = inherited_fds_max});
    if (!count) {
        return std::unexpected("LISTEN_FDS: '" + *from.count + "' is no number from 0 to " +
                               std::to_string(inherited_fds_max));
    }
    std::vector<std::string> names(*count);
    if (from.names && *count != 0) {
        names = split_names(*from.names);
        if (names.size() != *count) {
            return std::unexpected("LISTEN_FDNAMES: has " + std::to_string(names.size()) +
                                   " names for " + *from.count + " sockets");
        }
    }
    for (std::string& name : names) {
        made.push_back({inherited_fd_first + static_cast<int>(made.size()), std::move(name)});
    }
    return made;
}

std::expected<listening_sockets, std::string> assign_sockets(
    const std::vector<inherited_socket>& inherited) {
    listening_sockets made;
    for (const inherited_socket& each : inherited) {
        const bool is_admin = each.name == "admin";
        std::optional<int>& place = is_admin ? made.admin : made.serve;
        if (place) {
            return std::unexpected(std::string("two sockets were passed ") +
                                   (is_admin ? "as 'admin'" : "to serve at") + ": descriptors " +
                                   std::to_string(*place) + " and " + std::to_string(each.fd));
        }
        place = each.fd;
    }
    return made;
}

std::expected<listening_sockets, std::string> take_inherited() {
    inherited_variables variables;
    variables.pid = take_variable("LISTEN_PID");
    variables.count = take_variable("LISTEN_FDS");
    variables.names = take_variable("LISTEN_FDNAMES");
    const auto inherited = parse_inherited(variables, ::getpid());
    if (!inherited) {
        return std::unexpected(inherited.error());
    }
    for (const inherited_socket& each : *inherited) {
        if (::fcntl(each.fd, F_SETFD, FD_CLOEXEC) != 0) {
            return std::unexpected("LISTEN_FDS: descriptor " + std::to_string(each.fd) + ": " +
                                   std::generic_category().message(errno));
        }
    }
    return assign_sockets(*inherited);
}

}  // namespace drama::cli
