// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/internal/name_lookups.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <exception>

#include <sys/socket.h>

#include "drama/io/file_results.hpp"
#include "drama/sim/internal/sim_backend.hpp"
#include "drama/sim/net/internal/host_names.hpp"
#include "drama/sim/net/internal/net_paths.hpp"

namespace drama::inline v0::internal {
namespace {

// Of a documentation network: nobody has it.
constexpr const char* nobodys_ip = "203.0.113.113";

}  // namespace

name_lookups::~name_lookups() {
    for (const auto& each : requests_) {
        network_.scheduler().cancel(*each);
    }
}

name_lookups::request& name_lookups::take() {
    if (idle_.empty()) {
        requests_.push_back(std::make_unique<request>());
        requests_.back()->of = this;
        requests_.back()->fire = &on_answer;
        idle_.reserve(requests_.size());
        return *requests_.back();
    }
    request& taken = *idle_.back();
    idle_.pop_back();
    return taken;
}

submission name_lookups::start(operation& op, sim_backend& on) {
    request& made = take();
    made.op = &op;
    made.on = &on;
    made.what = answer::honest;
    duration takes(network_.options().latency.draw_ns(network_.random()));
    if (const auto fault = network_.decide({.kind = fault_kind::name_lookup,
                                            .site = "name.lookup",
                                            .payer = op.payer,
                                            .node = on.process().node})) {
        made.what = *fault == 0 ? answer::none : *fault < 0 ? answer::of_another : answer::honest;
        takes = *fault > 0 ? std::max(takes, duration(*fault)) : takes;
    }
    on.accepted(op, op_stage::offloaded, &made);
    sim_scheduler& scheduler = network_.scheduler();
    const instant due = saturating_add(instant(duration(scheduler.now_ns())), takes);
    scheduler.schedule(made, due.time_since_epoch().count());
    return submission::pending;
}

void name_lookups::on_answer(timed_event& event) noexcept {
    auto& due = static_cast<request&>(event);
    std::int64_t outcome = -ENOMEM;
    try {
        outcome = due.of->resolve(*due.op, due.what);
    } catch (const std::exception&) {
        outcome = -ENOMEM;
    }
    due.of->end(due, outcome);
}

void name_lookups::end(request& ended, std::int64_t outcome) noexcept {
    network_.scheduler().note(sim_event::arrival, 11);
    idle_.push_back(&ended);
    ended.on->finish(*ended.op, outcome);
}

void name_lookups::cancel(operation& op) noexcept {
    auto& asked = *static_cast<request*>(op.owner);
    network_.scheduler().cancel(asked);
    end(asked, -ECANCELED);
}

void name_lookups::abandon(sim_backend& home) noexcept {
    for (const auto& each : requests_) {
        if (each->is_scheduled() && each->on == &home) {
            cancel(*each->op);
        }
    }
}

std::int64_t name_lookups::resolve(operation& op, answer what) {
    auto& asked = *static_cast<resolution*>(op.context);
    asked.found.clear();
    asked.resolver_error = 0;
    std::uint16_t port = 0;
    const char* const end = asked.service.data() + asked.service.size();
    if (!asked.service.empty() && std::from_chars(asked.service.data(), end, port).ptr != end) {
        return -EINVAL;
    }
    if (what == answer::none) {
        return -ENOENT;
    }
    const auto add = [&](const socket_address& address) {
        if (asked.family == AF_UNSPEC || asked.family == address.family()) {
            asked.found.push_back(with_port(address, port));
        }
    };
    if (const auto numeric = socket_address::from_ip(op.path, port)) {
        add(*numeric);
    } else if (what == answer::of_another) {
        add(*socket_address::from_ip(nobodys_ip, port));
    } else {
        for (const socket_address& each : network_.hosts().find(op.path)) {
            add(each);
        }
    }
    return asked.found.empty() ? -ENOENT : static_cast<std::int64_t>(asked.found.size());
}

}  // namespace drama::inline v0::internal
