// SPDX-License-Identifier: Apache-2.0
// What an event loop says of its run.
#include <algorithm>

#include "replay/run/event_loop.hpp"

namespace drama::cli {

replay_result event_loop::result() const {
    replay_result made;
    made.order = name_;
    made.lines = lines_;
    made.starts = starts_;
    made.events = handled_;
    const auto span = static_cast<double>((end_ - warm_).count());
    std::vector<double> busy(queues_.size());
    for (replay_line& each : made.lines) {
        each.part_least = 1e300;
    }
    double parts = 0;
    double squares = 0;
    double hungry = 0;
    for (const tenant_state& each : tenants_) {
        double service = 0;
        double dominant = 0;
        for (std::size_t q = 0; q != queues_.size(); ++q) {
            const auto got = static_cast<double>(each.services[q].at(end_) - each.warm[q]);
            busy[q] += got;
            service += got;
            dominant =
                std::max(dominant, got / span / static_cast<double>(queues_[q].plan->servers));
        }
        replay_line& line = made.lines[each.line];
        line.all.service_ns += service;
        line.all.dominant += dominant;
        line.part_least = std::min(line.part_least, dominant);
        line.part_most = std::max(line.part_most, dominant);
        if (each.record >= 0) {
            replay_figures figures = figures_[static_cast<std::size_t>(each.record)];
            figures.service_ns = service;
            figures.dominant = dominant;
            made.tenants.push_back(
                {.name = each.name(), .weight = each.plan->weight, .figures = std::move(figures)});
        }
        if (each.plan->arrivals == "backlogged") {
            const double part = dominant / each.plan->weight;
            parts += part;
            squares += part * part;
            hungry += 1;
        }
    }
    for (std::size_t q = 0; q != queues_.size(); ++q) {
        made.utilisation.push_back(busy[q] / span / static_cast<double>(queues_[q].plan->servers));
    }
    made.jain = squares > 0 ? parts * parts / (hungry * squares) : 1;
    return made;
}

}  // namespace drama::cli
