// SPDX-License-Identifier: Apache-2.0
#include "drama/io/epoll/attempt.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <ctime>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

namespace drama::inline v0::internal {
namespace {

template <class Call>
std::int64_t without_blocking(Call call) noexcept {
    for (;;) {
        const std::int64_t returned = call();
        if (returned >= 0) {
            return returned;
        }
        if (errno == EAGAIN) {
            return would_block;
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
}

int ready_events(int fd, int events) noexcept {
    pollfd one{fd, static_cast<short>(events), 0};
    while (::poll(&one, 1, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return (one.revents & POLLNVAL) != 0 ? -EBADF : one.revents;
}

// Finds out how reads and writes on `fd` are kept from blocking. 0 or a negative errno.
int classify(int fd, fd_kind& kind) noexcept {
    // DONT_SYNC: a network file system must not be asked from a worker.
    struct statx status;
    if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) != 0) {
        return -errno;
    }
    if (S_ISREG(status.stx_mode) || S_ISDIR(status.stx_mode) || S_ISBLK(status.stx_mode)) {
        kind = fd_kind::file;
        return 0;
    }
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0) {
        return -errno;
    }
    kind = (flags & O_NONBLOCK) != 0 ? fd_kind::nonblocking : fd_kind::blocking;
    return 0;
}

// For accept and connect, which know no flag for a single call.
int force_nonblocking(int fd, fd_kind& kind) noexcept {
    if (kind == fd_kind::nonblocking) {
        return 0;
    }
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ((flags & O_NONBLOCK) == 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)) {
        return -errno;
    }
    kind = fd_kind::nonblocking;
    return 0;
}

std::int64_t attempt_accept(operation& op, fd_entry& entry) noexcept {
    if (const int error = force_nonblocking(op.fd, entry.kind); error != 0) {
        return error;
    }
    for (;;) {
        const std::int64_t outcome = without_blocking([&] {
            return ::accept4(op.fd, op.address, op.address_length_out,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
        });
        // The peer gave up while it was in the backlog: not this listener's error.
        if (outcome != -ECONNABORTED && outcome != -EPROTO) {
            return outcome;
        }
    }
}

// Called again after a wake-up, connect tells what became of the first call.
std::int64_t attempt_connect(operation& op, fd_entry& entry) noexcept {
    if (const int error = force_nonblocking(op.fd, entry.kind); error != 0) {
        return error;
    }
    if (::connect(op.fd, op.address, static_cast<socklen_t>(op.length)) == 0) {
        return 0;
    }
    switch (errno) {
        case EINPROGRESS:
        case EALREADY:
        case EINTR:
            return would_block;
        // A second call after success. (A socket that was connected before the operation began is
        // told apart by the queue: only queued operations are tried again.)
        case EISCONN:
            return entry.writers.front() == &op ? 0 : -EISCONN;
        // Also EAGAIN, a Unix listener with a full backlog: no event will say that it has room.
        default:
            return -errno;
    }
}

// A write to a pipe without readers must not kill the process: holds SIGPIPE back, then takes it.
class sigpipe_guard {
  public:
    sigpipe_guard() noexcept {
        sigemptyset(&pipe_);
        sigaddset(&pipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    sigpipe_guard(const sigpipe_guard&) = delete;
    sigpipe_guard& operator=(const sigpipe_guard&) = delete;
    ~sigpipe_guard() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

    void take() noexcept {
        const timespec now{0, 0};
        if (sigismember(&before_, SIGPIPE) == 0) {
            ::sigtimedwait(&pipe_, nullptr, &now);
        }
    }

  private:
    sigset_t pipe_;
    sigset_t before_;
};

std::int64_t vectored(const operation& op, std::size_t length, int flags) noexcept {
    const iovec one{op.buffer, length};
    return without_blocking([&] {
        // Offset -1: at the file's own position, as read and write do.
        return op.code == op_code::read ? ::preadv2(op.fd, &one, 1, -1, flags)
                                        : ::pwritev2(op.fd, &one, 1, -1, flags);
    });
}

std::int64_t attempt_stream(const operation& op, fd_entry& entry) noexcept {
    if (entry.kind == fd_kind::nonblocking) {
        return vectored(op, op.length, 0);
    }
    if (entry.kind == fd_kind::blocking) {
        const std::int64_t outcome = vectored(op, op.length, RWF_NOWAIT);
        if (outcome != -EOPNOTSUPP) {
            return outcome;
        }
        entry.kind = fd_kind::ask_first;
    }
    const int ready = ready_events(op.fd, op.code == op_code::read ? POLLIN : POLLOUT);
    if (ready <= 0) {
        return ready == 0 ? would_block : ready;
    }
    // "Writable" promises a pipe room for PIPE_BUF bytes: more could block.
    const bool is_read = op.code == op_code::read;
    return vectored(op, is_read ? op.length : std::min<std::size_t>(op.length, PIPE_BUF), 0);
}

std::int64_t attempt_read_write(const operation& op, fd_entry& entry) noexcept {
    if (entry.kind == fd_kind::unknown) {
        if (const int error = classify(op.fd, entry.kind); error != 0) {
            return error;
        }
    }
    if (entry.kind == fd_kind::file) {
        return needs_offload;
    }
    if (op.code == op_code::read) {
        return attempt_stream(op, entry);
    }
    sigpipe_guard guard;
    const std::int64_t outcome = attempt_stream(op, entry);
    if (outcome == -EPIPE) {
        guard.take();
    }
    return outcome;
}

fd_shape shape_of(int fd) noexcept {
    int type = 0;
    socklen_t size = sizeof type;
    const bool is_stream =
        ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
    return is_stream ? fd_shape::stream : fd_shape::messages;
}

// Edge-triggered events tell of all that comes later. So after EAGAIN, or when a stream gave less
// than was asked for, asking again before the next event is in vain; unless the peer hung up, which
// has been told already.
void note_received(const operation& op, std::int64_t outcome, fd_entry& entry) noexcept {
    if (op.flags != 0) {
        return;  // a peek takes nothing
    }
    if (outcome == would_block) {
        entry.is_drained = true;
        return;
    }
    if (outcome <= 0 || static_cast<std::size_t>(outcome) >= op.length || entry.has_hung_up) {
        return;
    }
    if (entry.shape == fd_shape::unknown) {
        entry.shape = shape_of(op.fd);
    }
    entry.is_drained = entry.shape == fd_shape::stream;
}

}  // namespace

bool is_file(int fd, fd_entry& entry) noexcept {
    if (entry.kind == fd_kind::unknown) {
        classify(fd, entry.kind);
    }
    return entry.kind == fd_kind::file;
}

std::int64_t attempt(operation& op, fd_entry& entry) noexcept {
    const int receive_flags = op.flags | MSG_DONTWAIT;
    const int send_flags = receive_flags | MSG_NOSIGNAL;
    switch (op.code) {
        case op_code::accept:
            return attempt_accept(op, entry);
        case op_code::connect:
            return attempt_connect(op, entry);
        case op_code::recv: {
            const std::int64_t outcome = without_blocking(
                [&] { return ::recv(op.fd, op.buffer, op.length, receive_flags); });
            note_received(op, outcome, entry);
            return outcome;
        }
        case op_code::send:
            return without_blocking(
                [&] { return ::send(op.fd, op.buffer, op.length, send_flags); });
        case op_code::recv_msg:
            return without_blocking([&] { return ::recvmsg(op.fd, op.message, receive_flags); });
        case op_code::send_msg:
            return without_blocking([&] { return ::sendmsg(op.fd, op.message, send_flags); });
        case op_code::read:
        case op_code::write:
            return attempt_read_write(op, entry);
        case op_code::poll: {
            const int ready = ready_events(op.fd, op.flags);
            return ready == 0 ? would_block : ready;
        }
        default:
            return -EINVAL;
    }
}

}  // namespace drama::inline v0::internal
