// SPDX-License-Identifier: Apache-2.0
#include "top/top_holds.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace drama::cli {
namespace {

using nlohmann::json;

double rate(const std::map<std::string, std::uint64_t>& before, const std::string& key,
            std::uint64_t after, double seconds) {
    const auto old = before.find(key);
    const std::uint64_t was = old == before.end() ? 0 : std::min(old->second, after);
    return static_cast<double>(after - was) / 1e9 / seconds;
}

hold_sample sample_in(const json& from) {
    hold_sample made;
    made.item_ns = from.value("item_ns", std::uint64_t{0});
    if (const auto causes = from.find("causes"); causes != from.end()) {
        made.causes = causes->get<std::map<std::string, std::uint64_t>>();
    }
    if (const auto others = from.find("beneficiaries"); others != from.end()) {
        for (const json& each : *others) {
            made.beneficiaries[each.at("tenant").get<std::string>()] +=
                each.at("ns").get<std::uint64_t>();
        }
    }
    return made;
}

}  // namespace

hold_samples holds_in(const json& from) {
    hold_samples made;
    for (const auto& each : from.items()) {
        made.emplace(each.key(), sample_in(each.value()));
    }
    return made;
}

const hold_row* hold_rows::worst() const {
    const auto found = std::ranges::find_if(holds, &hold_row::is_throttling);
    return found == holds.end() ? nullptr : &*found;
}

hold_rows holds_between(const hold_samples& before, const hold_samples& after, double seconds) {
    hold_rows made;
    std::map<std::string, double> served;
    for (const auto& [queue, now] : after) {
        const auto known = before.find(queue);
        const hold_sample old = known == before.end() ? hold_sample{} : known->second;
        for (const auto& [cause, ns] : now.causes) {
            const hold_row row{queue, cause, rate(old.causes, cause, ns, seconds)};
            if (row.seconds > 0) {
                made.holds.push_back(row);
                made.throttled += row.is_throttling() ? row.seconds : 0;
            }
        }
        for (const auto& [name, ns] : now.beneficiaries) {
            served[name] += rate(old.beneficiaries, name, ns, seconds);
        }
        made.items +=
            static_cast<double>(now.item_ns - std::min(old.item_ns, now.item_ns)) / 1e9 / seconds;
    }
    for (const auto& each : served) {
        if (each.second > 0) {
            made.beneficiaries.push_back(each);
        }
    }
    std::ranges::sort(made.holds, std::ranges::greater(), &hold_row::seconds);
    std::ranges::sort(made.beneficiaries, std::ranges::greater(),
                      &std::pair<std::string, double>::second);
    return made;
}

}  // namespace drama::cli
