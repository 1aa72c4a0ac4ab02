// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/internal/sim_descriptor.hpp"

#include <cerrno>

#include <poll.h>

#include "drama/sim/internal/sim_backend.hpp"

namespace drama::inline v0::internal {

op_queue& sim_descriptor::queue_of(op_code code) noexcept {
    switch (code) {
        case op_code::poll:
            return polls_;
        case op_code::connect:
        case op_code::send:
        case op_code::send_msg:
        case op_code::write:
            return writers_;
        default:
            return readers_;
    }
}

std::int64_t sim_descriptor::attempt_any(operation& op, bool again) noexcept {
    if (op.code != op_code::poll) {
        return attempt(op, again);
    }
    const int ready = events() & (op.flags | POLLERR | POLLHUP | POLLNVAL);
    return ready == 0 ? not_yet : ready;
}

submission sim_descriptor::start(operation& op, sim_backend& on) noexcept {
    op_queue& queue = queue_of(op.code);
    if (op.code == op_code::poll || queue.empty()) {
        const std::int64_t outcome = attempt_any(op, false);
        if (outcome != not_yet) {
            op.outcome = outcome;
            return submission::completed;
        }
    }
    if (does_not_wait(op)) {
        op.outcome = -EAGAIN;
        return submission::completed;
    }
    if (home_ == nullptr) {
        home_ = &on;
    }
    home_->accepted(op, op_stage::queued, this);
    queue.push_back(op);
    return submission::pending;
}

void sim_descriptor::cancel(operation& op) noexcept {
    queue_of(op.code).remove(op);
    home_->finish(op, -ECANCELED);
}

void sim_descriptor::serve(op_queue& queue) noexcept {
    while (operation* const op = queue.front()) {
        const std::int64_t outcome = attempt_any(*op, true);
        if (outcome == not_yet) {
            return;
        }
        queue.remove(*op);
        home_->finish(*op, outcome);
    }
}

void sim_descriptor::serve() noexcept {
    serve(readers_);
    if (!writers_.empty() && may_serve_writers()) {
        serve(writers_);
    }
    for (operation* op = polls_.front(); op != nullptr;) {
        operation* const following = op->next;
        const std::int64_t outcome = attempt_any(*op, true);
        if (outcome != not_yet) {
            polls_.remove(*op);
            home_->finish(*op, outcome);
        }
        op = following;
    }
}

void sim_descriptor::cancel_all(op_queue& queue) noexcept {
    while (operation* const op = queue.pop_front()) {
        home_->finish(*op, -ECANCELED);
    }
}

void sim_descriptor::retire() noexcept {
    cancel_all(readers_);
    cancel_all(writers_);
    cancel_all(polls_);
    home_ = nullptr;
}

}  // namespace drama::inline v0::internal
