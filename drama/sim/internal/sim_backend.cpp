// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/internal/sim_backend.hpp"

#include <cerrno>
#include <utility>

#include "drama/base/assert.hpp"
#include "drama/sim/disk/internal/sim_files.hpp"
#include "drama/sim/internal/sim_descriptor.hpp"
#include "drama/sim/net/internal/name_lookups.hpp"

namespace drama::inline v0::internal {
namespace {

void set_stage(operation& op, op_stage stage) noexcept {
    op.state.store(static_cast<std::uint8_t>(stage), std::memory_order_relaxed);
}

}  // namespace

sim_backend::sim_backend(std::shared_ptr<sim_network> network, sim_disk& disk, std::uint64_t life,
                         sim_process& process)
    : network_(std::move(network)),
      disk_(&disk),
      life_(life),
      process_(process),
      scheduler_(network_->scheduler()) {
    point_.id = scheduler_.next_point_id();
    process_.backends.push_back(this);
}

sim_backend::~sim_backend() {
    std::erase(process_.backends, this);
    network_->abandon(*this);
    disk_->files().abandon(*this);
    while (operation* const op = posted_.pop_front()) {
        set_stage(*op, op_stage::finished);
        op->outcome = -ECANCELED;
        finished_.push_back(*op);
    }
    drain();
    DRAMA_ASSERT(in_flight_ == 0, "an operation outlives its backend");
}

bool sim_backend::is_dead() noexcept {
    return life_ != disk_->files().life();
}

void sim_backend::log(sim_event what, const operation& op, std::int64_t value) noexcept {
    scheduler_.note(what,
                    static_cast<std::uint64_t>(op.code) << 56 ^ static_cast<std::uint64_t>(value));
}

submission sim_backend::submit(operation& op) noexcept {
    log(sim_event::submit, op, op.fd);
    set_stage(op, op_stage::idle);
    op.cancel_asked = false;
    if (const auto length = scheduler_.faults().decide({.kind = fault_kind::worker_paused,
                                                        .site = "worker.io",
                                                        .payer = op.payer,
                                                        .node = process_.machine})) {
        scheduler_.pass_time(duration(*length), false);
    }
    return start(op);
}

submission sim_backend::start(operation& op) noexcept {
    if (process_.is_dead) {
        op.outcome = -ECANCELED;
        return submission::completed;
    }
    if (op.code == op_code::resolve) {
        return network_->lookups().start(op, *this);
    }
    if (is_file_operation(op.code)) {
        return disk_->files().start(op, *this);
    }
    sim_descriptor* const descriptor = network_->find(op.fd);
    if (descriptor == nullptr) {
        op.outcome = -EBADF;
        return submission::completed;
    }
    return descriptor->start(op, *this);
}

void sim_backend::post(operation& op) noexcept {
    log(sim_event::submit, op, op.fd);
    op.cancel_asked = false;
    set_stage(op, op_stage::posted);
    ++in_flight_;
    posted_.push_back(op);
    wake();
}

void sim_backend::cancel(operation& op) noexcept {
    log(sim_event::cancel, op, op.fd);
    op.cancel_asked = true;
    switch (stage_of(op).stage) {
        case op_stage::queued:
            static_cast<sim_descriptor*>(op.owner)->cancel(op);
            break;
        case op_stage::offloaded:
            if (op.code == op_code::resolve) {
                network_->lookups().cancel(op);
            } else {
                disk_->files().cancel(op);
            }
            break;
        default:
            break;  // posted: seen by the next reap; finished: its outcome came first
    }
}

void sim_backend::accepted(operation& op, op_stage in, void* with) noexcept {
    set_stage(op, in);
    op.owner = with;
    ++in_flight_;
}

void sim_backend::finish(operation& op, std::int64_t outcome) noexcept {
    op.outcome = outcome;
    set_stage(op, op_stage::finished);
    finished_.push_back(op);
    point_.has_work = true;
    scheduler_.wake_waiter(point_);
}

std::size_t sim_backend::drain() noexcept {
    std::size_t count = 0;
    op_queue posted = std::exchange(posted_, op_queue());
    while (operation* const op = posted.pop_front()) {
        --in_flight_;
        if (op->cancel_asked) {
            op->outcome = -ECANCELED;
        } else if (start(*op) == submission::pending) {
            continue;
        }
        ++in_flight_;
        set_stage(*op, op_stage::finished);
        finished_.push_back(*op);
    }
    while (operation* const op = finished_.pop_front()) {
        log(sim_event::complete, *op, op->outcome);
        if (op->outcome > 0) {
            scheduler_.note_delivery();
        }
        --in_flight_;
        ++count;
        op->done(*op);
    }
    point_.has_work = false;
    return count;
}

std::size_t sim_backend::reap(duration wait) noexcept {
    std::size_t count = drain();
    if (count == 0 && wait > duration::zero()) {
        const instant now{duration(scheduler_.now_ns())};
        scheduler_.wait(point_, saturating_add(now, wait).time_since_epoch().count());
        point_.notified = false;
        count = drain();
    }
    return count;
}

void sim_backend::wake() noexcept {
    scheduler_.notify(point_);
}

}  // namespace drama::inline v0::internal
