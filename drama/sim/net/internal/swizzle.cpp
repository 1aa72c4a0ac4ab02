// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/net/internal/swizzle.hpp"

#include <utility>

#include "drama/sim/internal/sim_scheduler.hpp"
#include "drama/sim/net/sim_network.hpp"

namespace drama::inline v0::internal {

swizzle::~swizzle() {
    for (const auto& each : turns_) {
        network_.scheduler().cancel(*each);
    }
}

void swizzle::begin(const std::vector<std::string>& machines, std::int64_t span_ns) {
    std::erase_if(turns_, [](const auto& each) { return !each->is_scheduled(); });
    std::vector<std::string> chosen;
    for (const std::string& each : machines) {
        if (random_.below(2) == 0) {
            chosen.push_back(each);
        }
    }
    if (chosen.empty() && !machines.empty()) {
        chosen.push_back(machines[random_.below(machines.size())]);
    }
    // The first half of the span stops them, the second releases them, each half in an order of
    // its own.
    const std::int64_t now = network_.scheduler().now_ns();
    const std::int64_t pause = span_ns / 2 / static_cast<std::int64_t>(chosen.size() + 1);
    for (const bool stops : {true, false}) {
        for (std::size_t left = chosen.size(); left > 1; --left) {
            std::swap(chosen[left - 1], chosen[random_.below(left)]);
        }
        std::int64_t at = stops ? now : now + span_ns / 2;
        for (const std::string& each : chosen) {
            plan(each, stops, at += pause);
        }
    }
}

void swizzle::plan(const std::string& machine, bool stops, std::int64_t at_ns) {
    auto made = std::make_unique<turn>();
    made->of = this;
    made->fire = &on_turn;
    made->machine = machine;
    made->stops = stops;
    network_.scheduler().schedule(*made, at_ns);
    turns_.push_back(std::move(made));
}

void swizzle::on_turn(timed_event& event) noexcept {
    const auto& self = static_cast<turn&>(event);
    sim_network& network = self.of->network_;
    network.scheduler().note(sim_event::arrival, self.stops ? 9 : 10);
    if (self.stops) {
        network.clog(self.machine, "*");
    } else {
        network.unclog(self.machine, "*");
    }
}

}  // namespace drama::inline v0::internal
