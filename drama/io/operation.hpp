// SPDX-License-Identifier: Apache-2.0
// One asynchronous operation as the backends see it: what is asked, where the bytes are, what came
// of it. It owns nothing; whoever awaits it embeds it.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"

struct iovec;
struct msghdr;
struct sockaddr;
struct statx;

namespace drama::inline v0 {

class account;

/// What an operation asks for. Sockets and pipes: accept to poll. Files: open to list_directory.
enum class op_code : std::uint8_t {
    accept,     ///< fd: listener; address, address_length_out: peer (may be null); outcome: new fd
    connect,    ///< fd, address, length: address bytes
    recv,       ///< fd, buffer, length, flags (see does_not_wait); outcome: bytes, 0 at the end
    send,       ///< fd, buffer, length, flags; outcome: bytes (MSG_NOSIGNAL is implied)
    recv_msg,   ///< fd, message, flags
    send_msg,   ///< fd, message, flags (MSG_NOSIGNAL is implied)
    read,       ///< fd (pipe, tty, eventfd ...), buffer, length: read(2) on a pollable fd
    write,      ///< fd, buffer, length: write(2) on a pollable fd
    poll,       ///< fd, flags: POLLIN | POLLOUT ...; outcome: ready events
    open,       ///< path, flags, mode; outcome: fd
    read_at,    ///< fd, buffer, length, offset
    write_at,   ///< fd, buffer, length, offset
    readv_at,   ///< fd, vector, length: count of iovecs, offset
    writev_at,  ///< fd, vector, length: count of iovecs, offset
    fsync,      ///< fd
    fdatasync,  ///< fd
    rename,     ///< path, path_to, flags: renameat2 flags
    truncate,   ///< fd, offset: new length
    fallocate,  ///< fd, flags: mode, offset, length
    stat,       ///< path (or fd with an empty path), status_out, flags: AT_* flags
    unlink,     ///< path, flags: AT_REMOVEDIR
    make_directory,  ///< path, mode
    list_directory,  ///< path, context: a directory_listing that is filled
    resolve,         ///< path: host name, context: a resolution (with the service) that is filled
};
inline constexpr std::size_t op_codes = static_cast<std::size_t>(op_code::resolve) + 1;

const char* name_of(op_code code) noexcept;

/// True for the operations that regular files and the file system serve: never run on a worker.
constexpr bool is_file_operation(op_code code) noexcept {
    return code >= op_code::open;
}

/// An operation: parameters, then outcome. From acceptance by a backend until `done` is called (or
/// submit says `completed`) the operation and every buffer that it names belong to the backend.
struct operation {
    op_code code = op_code::poll;
    int fd = -1;
    int flags = 0;
    mode_t mode = 0;
    std::int64_t offset = 0;
    std::size_t length = 0;
    union {
        void* buffer = nullptr;
        const iovec* vector;
        msghdr* message;
        sockaddr* address;
        const char* path;
    };
    union {
        const char* path_to = nullptr;
        struct statx* status_out;
        unsigned* address_length_out;  ///< socklen_t of `address`, in and out
        void* context;
    };

    /// Bytes, descriptor or events; a negative errno on failure; -ECANCELED after a cancel that
    /// won.
    std::int64_t outcome = 0;
    /// Whose it is; null: nobody's. Backends only pass it on.
    const account* payer = nullptr;
    /// Called once, on the thread that reaps (or cancels); the operation may be gone when it
    /// returns.
    void (*done)(operation&) noexcept = nullptr;

    // Below: the backend's own, between acceptance and completion.
    operation* next = nullptr;
    operation* previous = nullptr;
    void* owner = nullptr;  ///< the backend or fd entry that holds it
    std::atomic<std::uint8_t> state{0};
    bool cancel_asked = false;
    operation* next_cancel = nullptr;
};

/// MSG_DONTWAIT among the flags of a socket's operation: it completes with -EAGAIN where another
/// would wait.
DRAMA_API bool does_not_wait(const operation& op) noexcept;

}  // namespace drama::inline v0
