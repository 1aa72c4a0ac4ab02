// SPDX-License-Identifier: Apache-2.0
#include "serve/life/supervisor.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <system_error>

#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "drama/http/query.hpp"
#include "serve/life/environment.hpp"

namespace drama::cli {
namespace {

// The manager reads soon or is broken: a process that serves does not wait for ever to tell it.
constexpr timeval tell_timeout{2, 0};

/// What a status may not have: it is one line of a datagram of lines.
std::string one_line(std::string text) {
    constexpr std::size_t bytes_max = 1024;
    if (text.size() > bytes_max) {
        std::size_t end = bytes_max;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) {
            --end;  // a character of UTF-8 stays whole, or the manager drops the line
        }
        text.resize(end);
    }
    std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
    return text;
}

}  // namespace

std::expected<supervisor, std::string> supervisor::make(const supervisor_variables& from,
                                                        pid_t self) {
    supervisor made;
    if (!from.socket || from.socket->empty()) {
        return made;
    }
    if (const std::string wrong = made.aim_at(*from.socket); !wrong.empty()) {
        return std::unexpected("NOTIFY_SOCKET: '" + *from.socket + "' " + wrong);
    }
    if (!from.watchdog_us || (from.watchdog_pid && *from.watchdog_pid != std::to_string(self))) {
        return made;
    }
    const auto us = parse_number(*from.watchdog_us, {.min = 1, .max = 1'000'000'000'000});
    if (!us) {
        return std::unexpected("WATCHDOG_USEC: '" + *from.watchdog_us +
                               "' is no number of microseconds");
    }
    made.watchdog_ = std::chrono::microseconds(*us);
    return made;
}

std::expected<supervisor, std::string> supervisor::take() {
    supervisor_variables variables;
    variables.socket = take_variable("NOTIFY_SOCKET");
    variables.watchdog_us = take_variable("WATCHDOG_USEC");
    variables.watchdog_pid = take_variable("WATCHDOG_PID");
    return make(variables, ::getpid());
}

// The address is kept and not connected to: the manager may open its socket anew.
std::string supervisor::aim_at(const std::string& path) {
    if (path.size() < 2 || (path.front() != '/' && path.front() != '@')) {
        return "is neither a path nor an abstract name";
    }
    if (path.size() >= sizeof where_.sun_path) {
        return "is too long";
    }
    where_.sun_family = AF_UNIX;
    std::memcpy(where_.sun_path, path.data(), path.size());
    // An abstract name begins with a zero byte and has no other at its end.
    const bool is_abstract = path.front() == '@';
    where_.sun_path[0] = is_abstract ? '\0' : '/';
    where_bytes_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() +
                                          (is_abstract ? 0 : 1));
    socket_ = unique_fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket_ || ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &tell_timeout,
                                 sizeof tell_timeout) != 0) {
        return std::generic_category().message(errno);
    }
    return {};
}

bool supervisor::send(std::string_view text, int flags) const noexcept {
    return ::sendto(socket_.get(), text.data(), text.size(), flags | MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr*>(&where_), where_bytes_) >= 0;
}

void supervisor::reloading() {
    // The manager compares it with its own reading of this clock, so no other will do.
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const std::int64_t us = now.tv_sec * std::int64_t{1'000'000} + now.tv_nsec / 1000;
    tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us), "reading the configuration again");
}

void supervisor::alive() const noexcept {
    if (socket_) {
        static_cast<void>(send("WATCHDOG=1", MSG_DONTWAIT));
    }
}

void supervisor::tell(const std::string& what, const std::string& status) {
    if (!socket_) {
        return;
    }
    if (!send(what + "\nSTATUS=" + one_line(status), 0)) {
        const std::error_code error(errno, std::generic_category());
        std::fprintf(stderr, "drama serve: cannot tell NOTIFY_SOCKET: %s\n",
                     error.message().c_str());
    }
}

}  // namespace drama::cli
