// SPDX-License-Identifier: Apache-2.0
#include "drama/io/uring/file_ring.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>

#include <fcntl.h>
#include <sys/stat.h>

namespace drama::inline v0::internal {
namespace {

// Newer than the liburing that is built against.
constexpr std::uint8_t opcode_ftruncate = 55;
constexpr std::size_t transfer_max = 0x7ffff000;  // the kernel's MAX_RW_COUNT
constexpr std::size_t opcodes_probed = 256;

struct opcode_of {
    op_code code;
    std::uint8_t opcode;
};
constexpr opcode_of opcodes[] = {
    {op_code::open, IORING_OP_OPENAT},
    {op_code::read_at, IORING_OP_READ},
    {op_code::write_at, IORING_OP_WRITE},
    {op_code::readv_at, IORING_OP_READV},
    {op_code::writev_at, IORING_OP_WRITEV},
    {op_code::fsync, IORING_OP_FSYNC},
    {op_code::fdatasync, IORING_OP_FSYNC},
    {op_code::rename, IORING_OP_RENAMEAT},
    {op_code::truncate, opcode_ftruncate},
    {op_code::fallocate, IORING_OP_FALLOCATE},
    {op_code::stat, IORING_OP_STATX},
    {op_code::unlink, IORING_OP_UNLINKAT},
    {op_code::make_directory, IORING_OP_MKDIRAT},
};

// Optional, the newest first: dropped one by one until the kernel accepts the rest.
constexpr unsigned optional_flags[] = {IORING_SETUP_COOP_TASKRUN, IORING_SETUP_SUBMIT_ALL};

unsigned clamped(std::size_t length) noexcept {
    return static_cast<unsigned>(std::min(length, transfer_max));
}

void fill_path_operation(io_uring_sqe* sqe, const operation& op) noexcept {
    switch (op.code) {
        case op_code::open:
            io_uring_prep_openat(sqe, AT_FDCWD, op.path, op.flags | O_CLOEXEC, op.mode);
            // Inline, the kernel would open with O_NONBLOCK first, which shows: a FIFO would open
            // without its other end. It would also walk the path on the worker.
            sqe->flags |= IOSQE_ASYNC;
            break;
        case op_code::rename:
            io_uring_prep_renameat(sqe, AT_FDCWD, op.path, AT_FDCWD, op.path_to,
                                   static_cast<unsigned>(op.flags));
            break;
        case op_code::stat: {
            const bool by_fd = op.path == nullptr || op.path[0] == '\0';
            io_uring_prep_statx(sqe, by_fd ? op.fd : AT_FDCWD, by_fd ? "" : op.path,
                                op.flags | (by_fd ? AT_EMPTY_PATH : 0),
                                STATX_BASIC_STATS | STATX_BTIME, op.status_out);
            break;
        }
        case op_code::unlink:
            io_uring_prep_unlinkat(sqe, AT_FDCWD, op.path, op.flags);
            break;
        default:
            io_uring_prep_mkdirat(sqe, AT_FDCWD, op.path, op.mode);
            break;
    }
}

void fill(io_uring_sqe* sqe, const operation& op) noexcept {
    const auto offset = static_cast<std::uint64_t>(op.offset);
    switch (op.code) {
        case op_code::read_at:
            io_uring_prep_read(sqe, op.fd, op.buffer, clamped(op.length), offset);
            break;
        case op_code::write_at:
            io_uring_prep_write(sqe, op.fd, op.buffer, clamped(op.length), offset);
            break;
        case op_code::readv_at:
            io_uring_prep_readv(sqe, op.fd, op.vector, clamped(op.length), offset);
            break;
        case op_code::writev_at:
            io_uring_prep_writev(sqe, op.fd, op.vector, clamped(op.length), offset);
            break;
        case op_code::fsync:
            io_uring_prep_fsync(sqe, op.fd, 0);
            break;
        case op_code::fdatasync:
            io_uring_prep_fsync(sqe, op.fd, IORING_FSYNC_DATASYNC);
            break;
        case op_code::truncate:
            io_uring_prep_rw(opcode_ftruncate, sqe, op.fd, nullptr, 0, offset);
            break;
        case op_code::fallocate:
            io_uring_prep_fallocate(sqe, op.fd, op.flags, op.offset, static_cast<off_t>(op.length));
            break;
        default:
            fill_path_operation(sqe, op);
            break;
    }
}

}  // namespace

result<std::unique_ptr<file_ring>> file_ring::open() {
    std::unique_ptr<file_ring> made(new file_ring);
    for (auto step : {&file_ring::set_up, &file_ring::probe, &file_ring::restrict_and_enable}) {
        if (auto done = (made.get()->*step)(); !done) {
            return std::unexpected(done.error());
        }
    }
    return made;
}

file_ring::~file_ring() {
    if (is_open_) {
        io_uring_queue_exit(&ring_);
    }
}

result<void> file_ring::set_up() noexcept {
    flags_ = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL;
    std::size_t dropped = 0;
    for (;;) {
        io_uring_params params{};
        params.flags = flags_ | IORING_SETUP_R_DISABLED | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;
        params.cq_entries = 2 * operations_max;
        const int error = io_uring_queue_init_params(operations_max, &ring_, &params);
        if (error == 0) {
            break;
        }
        if (error != -EINVAL || dropped == std::size(optional_flags)) {
            return fail(errno_code(-error));
        }
        flags_ &= ~optional_flags[dropped++];
    }
    is_open_ = true;
    // A child that inherited the mapping would share the queues with its parent.
    io_uring_ring_dontfork(&ring_);
    return {};
}

result<void> file_ring::probe() noexcept {
    alignas(io_uring_probe)
        std::array<std::byte, sizeof(io_uring_probe) + opcodes_probed * sizeof(io_uring_probe_op)>
            storage{};
    auto* answer = ::new (storage.data()) io_uring_probe{};
    const int error = io_uring_register(static_cast<unsigned>(ring_.ring_fd), IORING_REGISTER_PROBE,
                                        storage.data(), opcodes_probed);
    if (error < 0) {
        return fail(errno_code(-error));
    }
    const auto knows = [answer](std::uint8_t opcode) {
        return opcode < answer->ops_len && (answer->ops[opcode].flags & IO_URING_OP_SUPPORTED) != 0;
    };
    for (const auto& [code, opcode] : opcodes) {
        supported_.set(static_cast<std::size_t>(code), knows(opcode));
    }
    can_async_cancel_ = knows(IORING_OP_ASYNC_CANCEL);
    return {};
}

result<void> file_ring::restrict_and_enable() noexcept {
    std::array<io_uring_restriction, std::size(opcodes) + 3> allowed{};
    unsigned count = 0;
    const auto allow = [&](std::uint16_t what, std::uint8_t value) {
        allowed[count].opcode = what;
        allowed[count++].sqe_op = value;  // shares its place with register_op and sqe_flags
    };
    for (const auto& [code, opcode] : opcodes) {
        if (supports(code) && code != op_code::fdatasync) {
            allow(IORING_RESTRICTION_SQE_OP, opcode);
        }
    }
    if (can_async_cancel_) {
        allow(IORING_RESTRICTION_SQE_OP, IORING_OP_ASYNC_CANCEL);
    }
    allow(IORING_RESTRICTION_SQE_FLAGS_ALLOWED, IOSQE_ASYNC);
    // One harmless registration: a list without any could be read as "registrations are free".
    allow(IORING_RESTRICTION_REGISTER_OP, IORING_REGISTER_PROBE);
    const auto fd = static_cast<unsigned>(ring_.ring_fd);
    int error = io_uring_register(fd, IORING_REGISTER_RESTRICTIONS, allowed.data(), count);
    if (error >= 0) {
        error = io_uring_register(fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    }
    if (error < 0) {
        return fail(errno_code(-error));
    }
    return {};
}

std::string file_ring::describe() const {
    std::string made;
    if ((flags_ & IORING_SETUP_COOP_TASKRUN) != 0) {
        made += " coop_taskrun";
    }
    if ((flags_ & IORING_SETUP_SUBMIT_ALL) != 0) {
        made += " submit_all";
    }
    return made + " restricted";
}

io_uring_sqe* file_ring::get_sqe() noexcept {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) {
        submit();
        sqe = io_uring_get_sqe(&ring_);
    }
    return sqe;
}

bool file_ring::prepare(operation& op) noexcept {
    io_uring_sqe* sqe = get_sqe();
    if (sqe == nullptr) {
        return false;
    }
    fill(sqe, op);
    io_uring_sqe_set_data(sqe, &op);
    return true;
}

bool file_ring::prepare_cancel(operation& op) noexcept {
    io_uring_sqe* sqe = get_sqe();
    if (sqe == nullptr) {
        return false;
    }
    io_uring_prep_cancel(sqe, &op, 0);
    io_uring_sqe_set_data(sqe, nullptr);
    return true;
}

bool file_ring::submit() noexcept {
    while (io_uring_sq_ready(&ring_) != 0) {
        const int taken = io_uring_submit(&ring_);
        if (taken <= 0 && taken != -EINTR) {
            return false;  // out of memory for now
        }
    }
    return true;
}

bool file_ring::next(ring_completion& into) noexcept {
    io_uring_cqe* cqe = nullptr;
    if (io_uring_peek_cqe(&ring_, &cqe) != 0) {
        return false;
    }
    into.op = static_cast<operation*>(io_uring_cqe_get_data(cqe));
    // Some operations let the kernel's internal ERESTART* codes (512 to 516) out when they are
    // interrupted; a syscall would have made EINTR of them or have begun again.
    const bool is_restart = cqe->res <= -512 && cqe->res >= -516;
    into.outcome = is_restart ? -EINTR : cqe->res;
    io_uring_cqe_seen(&ring_, cqe);
    return true;
}

void file_ring::wait() noexcept {
    io_uring_cqe* cqe = nullptr;
    io_uring_wait_cqe(&ring_, &cqe);
}

}  // namespace drama::inline v0::internal
