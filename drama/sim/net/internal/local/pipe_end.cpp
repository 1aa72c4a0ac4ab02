// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/internal/local/pipe_end.hpp"

#include <algorithm>
#include <cerrno>

#include <poll.h>

#include "drama/sim/internal/descriptor_table.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"
#include "drama/sim/node/sim_process.hpp"

namespace drama::inline v0::internal {

pipe_end::pipe_end(std::shared_ptr<local_stream> through, bool reads) noexcept
    : through_(std::move(through)), reads_(reads) {
    (reads_ ? through_->reader : through_->writer) = this;
}

std::int64_t pipe_end::attempt(operation& op, bool) noexcept {
    if (op.code != op_code::read && op.code != op_code::write) {
        return -ENOTSOCK;
    }
    if ((op.code == op_code::read) != reads_) {
        return -EBADF;
    }
    return reads_ ? read(op) : write(op);
}

std::size_t pipe_end::limited(std::size_t count, std::string_view site,
                              const operation& op) noexcept {
    const auto most =
        table()->scheduler().faults().decide({.kind = fault_kind::short_transfer,
                                              .site = site,
                                              .payer = op.payer,
                                              .node = table()->owner_of(op.fd).machine});
    return most && *most > 0 ? std::min(count, static_cast<std::size_t>(*most)) : count;
}

std::int64_t pipe_end::read(const operation& op) noexcept {
    std::size_t count = through_->readable(op.length);
    if (count == 0) {
        return op.length == 0 || through_->writer == nullptr ? 0 : not_yet;
    }
    count = limited(count, "pipe.read", op);
    through_->take(op.buffer, count);
    if (through_->writer != nullptr) {
        through_->writer->serve_soon();
    }
    return static_cast<std::int64_t>(count);
}

std::int64_t pipe_end::write(const operation& op) noexcept {
    if (through_->reader == nullptr) {
        return -EPIPE;
    }
    std::size_t count = std::min(op.length, through_->room());
    if (count == 0 || (count < op.length && op.length <= whole_bytes_max)) {
        return op.length == 0 ? 0 : not_yet;
    }
    count = op.length <= whole_bytes_max ? count : limited(count, "pipe.write", op);
    through_->push(op.buffer, count);
    through_->reader->serve_soon();
    return static_cast<std::int64_t>(count);
}

bool pipe_end::may_serve_writers() noexcept {
    return through_->reader == nullptr || through_->room() >= whole_bytes_max;
}

int pipe_end::events() noexcept {
    if (reads_) {
        return (through_->size() != 0 ? POLLIN | POLLRDNORM : 0) |
               (through_->writer == nullptr ? POLLHUP : 0);
    }
    return (may_serve_writers() ? POLLOUT | POLLWRNORM : 0) |
           (through_->reader == nullptr ? POLLERR : 0);
}

void pipe_end::on_close() noexcept {
    (reads_ ? through_->reader : through_->writer) = nullptr;
    if (reads_) {
        through_->discard();
    }
    sim_descriptor* const other = reads_ ? through_->writer : through_->reader;
    if (other != nullptr) {
        other->serve_soon();
    }
    table()->bury(*this);
}

}  // namespace drama::inline v0::internal
