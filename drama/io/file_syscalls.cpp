// SPDX-License-Identifier: Apache-2.0
#include "drama/io/file_syscalls.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "drama/io/file_results.hpp"

namespace drama::inline v0 {
namespace {

std::int64_t outcome_of(std::int64_t returned) noexcept {
    return returned < 0 ? -errno : returned;
}

template <class Call>
std::int64_t restart_on_signal(Call call) noexcept {
    for (;;) {
        const std::int64_t outcome = outcome_of(call());
        if (outcome != -EINTR) {
            return outcome;
        }
    }
}

struct close_directory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

std::int64_t list(const char* path, directory_listing& listing) {
    const std::unique_ptr<DIR, close_directory> directory(::opendir(path));
    if (directory == nullptr) {
        return -errno;
    }
    listing.items.clear();
    for (;;) {
        errno = 0;
        const dirent* item = ::readdir(directory.get());
        if (item == nullptr) {
            return errno != 0 ? -errno : static_cast<std::int64_t>(listing.items.size());
        }
        if (std::strcmp(item->d_name, ".") == 0 || std::strcmp(item->d_name, "..") == 0) {
            continue;
        }
        if (listing.items.size() == listing.items_max) {
            return -E2BIG;
        }
        listing.items.push_back({item->d_name, item->d_type});
    }
}

std::int64_t errno_of_resolver(int error) noexcept {
    switch (error) {
        case 0:
            return 0;
        case EAI_SYSTEM:
            return errno != 0 ? -errno : -EIO;
        case EAI_MEMORY:
            return -ENOMEM;
        case EAI_AGAIN:
            return -EAGAIN;
        case EAI_NONAME:
        case EAI_NODATA:
            return -ENOENT;
        case EAI_SERVICE:
        case EAI_FAMILY:
        case EAI_SOCKTYPE:
        case EAI_BADFLAGS:
            return -EINVAL;
        default:
            return -EIO;
    }
}

std::int64_t resolve(const char* host, resolution& asked) {
    addrinfo hints{};
    hints.ai_family = asked.family;
    hints.ai_socktype = asked.socket_type;
    const char* service = asked.service.empty() ? nullptr : asked.service.c_str();
    addrinfo* list_head = nullptr;
    asked.found.clear();
    asked.resolver_error = ::getaddrinfo(host, service, &hints, &list_head);
    if (asked.resolver_error != 0) {
        return errno_of_resolver(asked.resolver_error);
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list_head, &::freeaddrinfo);
    for (const addrinfo* item = list_head; item != nullptr; item = item->ai_next) {
        asked.found.emplace_back(item->ai_addr, item->ai_addrlen);
    }
    return static_cast<std::int64_t>(asked.found.size());
}

// The operations that allocate: running out of memory is an outcome, not an exception.
template <class Call>
std::int64_t without_exceptions(Call call) noexcept {
    try {
        return call();
    } catch (const std::exception&) {
        return -ENOMEM;
    }
}

std::int64_t perform_on_path(operation& op) noexcept {
    switch (op.code) {
        case op_code::open:
            return restart_on_signal(
                [&] { return ::openat(AT_FDCWD, op.path, op.flags | O_CLOEXEC, op.mode); });
        case op_code::rename:
            return outcome_of(::renameat2(AT_FDCWD, op.path, AT_FDCWD, op.path_to,
                                          static_cast<unsigned>(op.flags)));
        case op_code::unlink:
            return outcome_of(::unlinkat(AT_FDCWD, op.path, op.flags));
        case op_code::make_directory:
            return outcome_of(::mkdirat(AT_FDCWD, op.path, op.mode));
        case op_code::stat: {
            const bool by_fd = op.path == nullptr || op.path[0] == '\0';
            return outcome_of(::statx(by_fd ? op.fd : AT_FDCWD, by_fd ? "" : op.path,
                                      op.flags | (by_fd ? AT_EMPTY_PATH : 0),
                                      STATX_BASIC_STATS | STATX_BTIME, op.status_out));
        }
        case op_code::list_directory:
            return without_exceptions(
                [&] { return list(op.path, *static_cast<directory_listing*>(op.context)); });
        case op_code::resolve:
            return without_exceptions(
                [&] { return resolve(op.path, *static_cast<resolution*>(op.context)); });
        default:
            return -EINVAL;
    }
}

}  // namespace

std::int64_t perform(operation& op) noexcept {
    switch (op.code) {
        case op_code::read:
            return restart_on_signal([&] { return ::read(op.fd, op.buffer, op.length); });
        case op_code::write:
            return restart_on_signal([&] { return ::write(op.fd, op.buffer, op.length); });
        case op_code::read_at:
            return restart_on_signal(
                [&] { return ::pread(op.fd, op.buffer, op.length, op.offset); });
        case op_code::write_at:
            return restart_on_signal(
                [&] { return ::pwrite(op.fd, op.buffer, op.length, op.offset); });
        case op_code::readv_at:
            return restart_on_signal(
                [&] { return ::preadv(op.fd, op.vector, static_cast<int>(op.length), op.offset); });
        case op_code::writev_at:
            return restart_on_signal([&] {
                return ::pwritev(op.fd, op.vector, static_cast<int>(op.length), op.offset);
            });
        case op_code::fsync:
            return restart_on_signal([&] { return ::fsync(op.fd); });
        case op_code::fdatasync:
            return restart_on_signal([&] { return ::fdatasync(op.fd); });
        case op_code::truncate:
            return restart_on_signal([&] { return ::ftruncate(op.fd, op.offset); });
        case op_code::fallocate:
            return restart_on_signal([&] {
                return ::fallocate(op.fd, op.flags, op.offset, static_cast<off_t>(op.length));
            });
        default:
            return perform_on_path(op);
    }
}

}  // namespace drama::inline v0
