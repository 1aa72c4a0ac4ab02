// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/disk/internal/sim_files.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include "drama/sim/internal/sim_backend.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"

namespace drama::inline v0::internal {
namespace {

constexpr std::uint64_t crash_mark = std::uint64_t{1} << 63;

bool is_sync(op_code code) noexcept {
    return code == op_code::fsync || code == op_code::fdatasync;
}

}  // namespace

sim_files::sim_files(sim_network& network, std::string machine, std::uint64_t seed)
    : network_(network),
      scheduler_(network.scheduler()),
      faults_(scheduler_.faults(), std::move(machine)),
      random_(seed ^ 0x66696c65u),
      crash_random_(seed ^ 0x63726173u),
      tree_(scheduler_.clock_value()) {
}

sim_files::~sim_files() {
    for (const auto& each : requests_) {
        scheduler_.cancel(*each);
    }
}

sim_files::request& sim_files::take_request() {
    if (idle_requests_.empty()) {
        requests_.push_back(std::make_unique<request>());
        requests_.back()->of = this;
        requests_.back()->fire = &on_served;
        idle_requests_.reserve(requests_.size());
        return *requests_.back();
    }
    request& taken = *idle_requests_.back();
    idle_requests_.pop_back();
    return taken;
}

std::int64_t sim_files::latency_ns(const operation& op) noexcept {
    return (is_sync(op.code) ? options_.sync : options_.transfer).draw_ns(random_);
}

std::uint64_t sim_files::promise_of(const operation& op) noexcept {
    auto* const file = is_sync(op.code) ? dynamic_cast<sim_file*>(network_.find(op.fd)) : nullptr;
    if (file == nullptr) {
        return 0;
    }
    return file->node().is_directory ? tree_.journal().steps() : file->node().content.changes();
}

submission sim_files::start(operation& op, sim_backend& on) noexcept {
    if (on.is_dead()) {
        op.outcome = -EIO;
        return submission::completed;
    }
    request& made = take_request();
    made.op = &op;
    made.on = &on;
    made.is_cancelled = false;
    made.promised = promise_of(op);
    on.accepted(op, op_stage::offloaded, &made);
    std::int64_t takes_ns = latency_ns(op);
    if (op.code != op_code::resolve) {
        const std::int64_t late_ns = faults_.ask(fault_kind::disk_slow, op).value_or(0);
        made.is_stuck = late_ns == stuck;
        takes_ns += made.is_stuck ? 0 : late_ns;
    }
    if (!made.is_stuck) {
        scheduler_.schedule(made, scheduler_.now_ns() + takes_ns);
    }
    return submission::pending;
}

void sim_files::cancel(operation& op) noexcept {
    static_cast<request*>(op.owner)->is_cancelled = random_.below(2) == 0;
}

void sim_files::release_stuck() noexcept {
    for (const auto& each : requests_) {
        if (each->op != nullptr && std::exchange(each->is_stuck, false)) {
            scheduler_.schedule(*each, scheduler_.now_ns() + latency_ns(*each->op));
        }
    }
}

void sim_files::finish(request& served, std::int64_t outcome) noexcept {
    operation& op = *std::exchange(served.op, nullptr);
    scheduler_.cancel(served);
    idle_requests_.push_back(&served);
    served.is_stuck = false;
    served.on->finish(op, outcome);
}

void sim_files::abandon(sim_backend& home) noexcept {
    for (const auto& each : requests_) {
        if (each->op != nullptr && each->on == &home) {
            finish(*each, -ECANCELED);
        }
    }
}

std::int64_t sim_files::outcome_of(const request& served) noexcept {
    try {
        return perform(served);
    } catch (const std::exception&) {
        return -ENOMEM;
    }
}

void sim_files::on_served(timed_event& event) noexcept {
    auto& served = static_cast<request&>(event);
    sim_files& self = *served.of;
    if (++self.operations_ == self.crash_at_) {
        self.end_life(true);
        return;
    }
    const std::int64_t outcome = served.is_cancelled ? -ECANCELED : self.outcome_of(served);
    self.scheduler_.note(sim_event::disk, static_cast<std::uint64_t>(served.op->code));
    self.finish(served, outcome);
}

void sim_files::end_life(bool loses) {
    std::vector<request*> in_flight;
    for (const auto& each : requests_) {
        if (each->op != nullptr) {
            in_flight.push_back(each.get());
        }
    }
    for (const request* const each : in_flight) {
        if (crash_random_.below(2) == 0) {
            const std::int64_t outcome = outcome_of(*each);
            if (each->op->code == op_code::open && outcome >= 0) {
                network_.close(static_cast<int>(outcome));  // nobody will hear of it
            }
        }
    }
    if (loses) {
        const auto law = [&](const file_node* file) {
            return file == nullptr ? faults_.law_of_names(options_.keeps)
                                   : faults_.law_of_file(options_.keeps);
        };
        tree_.crash(law, crash_random_);
        ++crashes_;
    }
    ++life_;
    scheduler_.note(sim_event::disk, crash_mark | life_);
    for (request* const each : in_flight) {
        finish(*each, -EIO);
    }
    if (loses) {
        for (const auto& call : on_crash_) {
            call();
        }
    }
}

}  // namespace drama::inline v0::internal
