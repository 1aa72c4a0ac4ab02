// SPDX-License-Identifier: Apache-2.0
#include "drama/io/posix_system.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace drama::inline v0 {
namespace {

result<void> checked(int returned) noexcept {
    if (returned < 0) {
        return fail(errno_code(errno));
    }
    return {};
}

}  // namespace

result<int> posix_system::open_socket(int family, int type, int protocol) {
    const int fd = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd < 0) {
        return fail(errno_code(errno));
    }
    return fd;
}

result<std::array<int, 2>> posix_system::open_pair(int type) {
    std::array<int, 2> ends{-1, -1};
    if (::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) < 0) {
        return fail(errno_code(errno));
    }
    return ends;
}

result<std::array<int, 2>> posix_system::open_pipe() {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) < 0) {
        return fail(errno_code(errno));
    }
    return ends;
}

result<int> posix_system::duplicate(int fd) {
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        return fail(errno_code(errno));
    }
    return copy;
}

result<void> posix_system::bind(int fd, const socket_address& where) {
    return checked(::bind(fd, where.data(), where.size()));
}

result<void> posix_system::listen(int fd, int backlog) {
    return checked(::listen(fd, backlog));
}

result<socket_address> posix_system::local_address(int fd) {
    socket_address address;
    address.prepare_output();
    if (::getsockname(fd, address.data(), address.size_address()) < 0) {
        return fail(errno_code(errno));
    }
    return address;
}

result<socket_address> posix_system::peer_address(int fd) {
    socket_address address;
    address.prepare_output();
    if (::getpeername(fd, address.data(), address.size_address()) < 0) {
        return fail(errno_code(errno));
    }
    return address;
}

result<void> posix_system::set_option(int fd, int level, int option, int value) {
    return checked(::setsockopt(fd, level, option, &value, sizeof value));
}

result<int> posix_system::get_option(int fd, int level, int option) {
    int value = 0;
    socklen_t size = sizeof value;
    if (::getsockopt(fd, level, option, &value, &size) < 0) {
        return fail(errno_code(errno));
    }
    return value;
}

result<void> posix_system::shutdown(int fd, int how) {
    return checked(::shutdown(fd, how));
}

void posix_system::close(int fd) noexcept {
    fds_.retire(fd);
    ::close(fd);
}

void posix_system::forget(int fd) noexcept {
    fds_.retire(fd);
}

}  // namespace drama::inline v0
