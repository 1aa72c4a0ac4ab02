// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/explore/k_loops.hpp"

#include <algorithm>
#include <cmath>

namespace drama::inline v0 {
namespace {

// Of several lists, one item each in turn.
std::vector<search_step> in_turn(const std::vector<std::vector<search_step>>& lists) {
    std::vector<search_step> all;
    std::size_t longest = 0;
    for (const auto& each : lists) {
        longest = std::max(longest, each.size());
    }
    for (std::size_t at = 0; at < longest; ++at) {
        for (const auto& each : lists) {
            if (at < each.size()) {
                all.push_back(each[at]);
            }
        }
    }
    return all;
}

}  // namespace

std::vector<std::uint64_t> loop_places(std::uint64_t last) {
    std::vector<std::uint64_t> places;
    if (last <= loop_places_max) {
        for (std::uint64_t k = 1; k <= last; ++k) {
            places.push_back(k);
        }
        return places;
    }
    const double ratio = std::log(static_cast<double>(last)) / (loop_places_max - 1);
    for (std::size_t i = 0; i != loop_places_max; ++i) {
        const auto k =
            static_cast<std::uint64_t>(std::llround(std::exp(ratio * static_cast<double>(i))));
        places.push_back(std::clamp<std::uint64_t>(
            k, places.empty() ? 1 : std::min(places.back() + 1, last), last));
    }
    places.erase(std::unique(places.begin(), places.end()), places.end());
    return places;
}

std::vector<search_step> plan_loops(const loop_ground& ground) {
    std::vector<std::vector<search_step>> lists;
    for (std::size_t index = 0; index != fault_kinds; ++index) {
        const auto kind = static_cast<fault_kind>(index);
        if (!ground.survives.contains(kind)) {
            continue;
        }
        auto& list = lists.emplace_back();
        for (const std::uint64_t k : loop_places(ground.points[index])) {
            for (const bool from_then_on : {false, true}) {
                search_step step;
                step.kind = search_kind::loop;
                step.fault = kind;
                step.k = k;
                step.from_then_on = from_then_on;
                list.push_back(step);
            }
        }
    }
    for (std::size_t task = 0; ground.survives.stops() && task != ground.starts; ++task) {
        auto& list = lists.emplace_back();
        for (const std::uint64_t k : loop_places(ground.steps)) {
            search_step step;
            step.kind = search_kind::loop;
            step.loop = loop_kind::stop;
            step.k = k;
            step.task = static_cast<std::uint32_t>(task);
            list.push_back(step);
        }
    }
    return in_turn(lists);
}

}  // namespace drama::inline v0
