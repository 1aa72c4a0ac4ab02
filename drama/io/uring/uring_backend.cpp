// SPDX-License-Identifier: Apache-2.0
#include "drama/io/uring/uring_backend.hpp"

#include <algorithm>
#include <cerrno>
#include <mutex>

#include "drama/io/epoll/attempt.hpp"
#include "drama/io/uring/file_ring.hpp"

namespace drama::inline v0 {

using namespace internal;

namespace {

// When the kernel does not take submissions, it is asked again this soon.
constexpr duration retry_after = std::chrono::milliseconds(1);

// Outcomes that say "not by way of a ring": an opcode or mode that it lacks, a file opened with
// O_NONBLOCK, a submitting thread that was interrupted or has exited. Nothing was done then, and
// the plain syscall gives the outcome that a caller expects.
bool is_worth_a_syscall(std::int64_t outcome) noexcept {
    return outcome == -EOPNOTSUPP || outcome == -EAGAIN || outcome == -EINTR ||
           outcome == -ECANCELED;
}

bool uses_position(op_code code) noexcept {
    return code == op_code::read_at || code == op_code::write_at || code == op_code::readv_at ||
           code == op_code::writev_at;
}

}  // namespace

uring_backend::uring_backend(posix_system& system) noexcept : epoll_backend(system) {
}

uring_backend::~uring_backend() {
    if (ring_ == nullptr) {
        return;
    }
    for (op_queue* queue : {&waiting_, &in_ring_}) {
        for (operation* op = queue->front(); op != nullptr; op = op->next) {
            epoll_backend::cancel(*op);
        }
    }
    while (operations_ + cancellations_ + parked_ != 0 || !waiting_.empty()) {
        duration ignored{};
        if (reap_files(ignored) != 0) {
            continue;
        }
        if (operations_ + cancellations_ != 0 && !has_unsubmitted_) {
            ring_->wait();
        } else {
            real_atomics::yield();  // a canceller is about to push, or the kernel to take more
        }
    }
}

result<void> uring_backend::open() {
    DRAMA_TRY(auto ring, file_ring::open());
    if (auto opened = epoll_backend::open(); !opened) {
        return opened;
    }
    ring_ = std::move(ring);
    return watch_internal(ring_->fd());
}

submission uring_backend::start_file(operation& op, op_stage from) noexcept {
    if (!belongs_in_ring(op)) {
        return offload(op, from);
    }
    op.owner = this;
    if (move_stage(op, from, op_stage::ring_queued).cancelled) {
        op.outcome = -ECANCELED;  // before this moment, so its node is in no stack
        return submission::completed;
    }
    count_accepted();
    waiting_.push_back(op);
    fill_ring();
    return submission::pending;
}

bool uring_backend::belongs_in_ring(const operation& op) noexcept {
    if (!ring_->supports(op.code)) {
        return false;
    }
    if (!uses_position(op.code)) {
        return true;
    }
    // On pipes and terminals the ring ignores the offset and may wait for ever, pread fails with
    // ESPIPE; and offset -1 means "at the file's position" to a ring only.
    fd_entry* entry = system().fds().entry_of(op.fd);
    if (entry == nullptr || op.offset < 0) {
        return false;
    }
    const std::lock_guard guard(entry->lock);
    return is_file(op.fd, *entry);
}

void uring_backend::fill_ring() noexcept {
    while (!waiting_.empty() && operations_ < file_ring::operations_max) {
        operation& op = *waiting_.front();
        has_unsubmitted_ = true;
        if (!ring_->prepare(op)) {
            return;
        }
        waiting_.remove(op);
        in_ring_.push_back(op);
        ++operations_;
        // A cancel that came in between has pushed its node and is answered when that is popped.
        move_stage(op, op_stage::ring_queued, op_stage::in_ring);
    }
}

void uring_backend::flush() noexcept {
    if (has_unsubmitted_) {
        fill_ring();
        has_unsubmitted_ = !ring_->submit();
    }
}

void uring_backend::cancel_file(operation& op) noexcept {
    enter_remote();
    cancels_.push(op);
    end_wait();
    leave_remote();
}

std::size_t uring_backend::drain_cancels() noexcept {
    std::size_t count = 0;
    for (operation* op = cancels_.take_all(); op != nullptr;) {
        operation* following = op->next_cancel;
        switch (stage_of(*op).stage) {
            case op_stage::ring_queued:
                waiting_.remove(*op);
                move_stage(*op, op_stage::ring_queued, op_stage::finished);
                op->outcome = -ECANCELED;
                call_done(*op);
                ++count;
                break;
            case op_stage::in_ring:
                has_unsubmitted_ = true;
                if (ring_->prepare_cancel(*op)) {
                    op->cancel_asked = true;
                    ++cancellations_;
                } else {
                    cancels_.push(*op);  // no room: again at the next reap
                }
                break;
            default:  // ring_done: it has its outcome and waited for this
                --parked_;
                call_done(*op);
                ++count;
                break;
        }
        op = following;
    }
    return count;
}

std::size_t uring_backend::reap_files(duration& wait) noexcept {
    std::size_t count = drain_cancels();
    flush();
    count += take_completions();
    if (count != 0) {
        has_unsubmitted_ |= !waiting_.empty();
        flush();
    }
    if (has_unsubmitted_) {
        wait = std::min(wait, retry_after);
    }
    return count;
}

std::size_t uring_backend::take_completions() noexcept {
    std::size_t count = 0;
    ring_completion completion;
    while (operations_ + cancellations_ != 0 && ring_->next(completion)) {
        if (completion.op == nullptr) {
            --cancellations_;
        } else {
            count += complete(*completion.op, completion.outcome);
        }
    }
    return count;
}

std::size_t uring_backend::complete(operation& op, std::int64_t outcome) noexcept {
    in_ring_.remove(op);
    --operations_;
    const bool again = is_worth_a_syscall(outcome) && system().offloader() != nullptr;
    const auto found =
        move_stage(op, op_stage::in_ring, again ? op_stage::offloaded : op_stage::ring_done);
    op.outcome = outcome;
    if (again && !found.cancelled) {
        const std::int64_t error = hand_to_offloader(op);
        if (error == 0) {
            return 0;
        }
        call_done(op);
        return 1;
    }
    if (again) {
        move_stage(op, op_stage::offloaded, op_stage::ring_done);
    }
    if (found.cancelled && outcome == -EINTR) {
        op.outcome = -ECANCELED;  // how the kernel stops a blocking call
    }
    if (found.cancelled && !op.cancel_asked) {
        ++parked_;  // its node is on the way
        return 0;
    }
    call_done(op);
    return 1;
}

result<std::unique_ptr<io_backend>> uring_system::make_backend(std::size_t) {
    auto backend = std::make_unique<uring_backend>(*this);
    if (auto opened = backend->open(); !opened) {
        return std::unexpected(opened.error());
    }
    return backend;
}

result<std::string> uring_system::probe() {
    DRAMA_TRY(auto ring, file_ring::open());
    return ring->describe();
}

}  // namespace drama::inline v0
