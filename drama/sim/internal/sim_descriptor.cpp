// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/internal/sim_descriptor.hpp"

#include <cerrno>

#include <poll.h>

#include "drama/sim/internal/descriptor_table.hpp"
#include "drama/sim/internal/sim_backend.hpp"
#include "drama/sim/node/sim_process.hpp"

namespace drama::inline v0::internal {
namespace {

// An operation that was cancelled too late goes on for so long.
constexpr std::int64_t late_cancel_ns = 5'000'000;

}  // namespace

sim_descriptor::sim_descriptor() noexcept {
    change_.of = this;
    change_.fire = [](timed_event& event) noexcept {
        static_cast<change_event&>(event).of->serve();
    };
}

sim_descriptor::~sim_descriptor() {
    if (change_.is_scheduled()) {
        table_->scheduler().cancel(change_);
    }
}

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
    table_->home_of(op.fd, on).accepted(op, op_stage::queued, this);
    queue.push_back(op);
    return submission::pending;
}

void sim_descriptor::finish(operation& op, std::int64_t outcome) noexcept {
    std::erase_if(late_, [&](const auto& each) {
        if (each->op != &op) {
            return false;
        }
        table_->scheduler().cancel(*each);
        return true;
    });
    table_->home_of(op.fd).finish(op, outcome);
}

void sim_descriptor::cancel(operation& op) noexcept {
    if (table_->scheduler().faults().decide({.kind = fault_kind::completion_after_cancel,
                                             .site = "io.cancel",
                                             .payer = op.payer,
                                             .node = table_->owner_of(op.fd).machine})) {
        cancel_later(op);
        return;
    }
    queue_of(op.code).remove(op);
    finish(op, -ECANCELED);
}

void sim_descriptor::cancel_later(operation& op) {
    auto& made = *late_.emplace_back(std::make_unique<late_cancel>());
    made.of = this;
    made.op = &op;
    made.fire = [](timed_event& event) noexcept {
        auto& self = static_cast<late_cancel&>(event);
        sim_descriptor& of = *self.of;
        operation& late = *self.op;
        of.queue_of(late.code).remove(late);
        of.finish(late, -ECANCELED);
    };
    table_->scheduler().schedule(made, table_->scheduler().now_ns() + late_cancel_ns);
}

void sim_descriptor::serve(op_queue& queue) noexcept {
    while (operation* const op = queue.front()) {
        const std::int64_t outcome = attempt_any(*op, true);
        if (outcome == not_yet) {
            return;
        }
        queue.remove(*op);
        finish(*op, outcome);
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
            finish(*op, outcome);
        }
        op = following;
    }
}

void sim_descriptor::serve_soon() noexcept {
    if (references_ != 0 && !change_.is_scheduled()) {
        sim_scheduler& scheduler = table_->scheduler();
        scheduler.schedule(change_, scheduler.now_ns());
    }
}

void sim_descriptor::cancel_all(op_queue& queue, int fd) noexcept {
    for (operation* op = queue.front(); op != nullptr;) {
        operation* const following = op->next;
        if (op->fd == fd) {
            queue.remove(*op);
            finish(*op, -ECANCELED);
        }
        op = following;
    }
}

void sim_descriptor::retire(int fd) noexcept {
    cancel_all(readers_, fd);
    cancel_all(writers_, fd);
    cancel_all(polls_, fd);
}

}  // namespace drama::inline v0::internal
