// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/oracle/verdict.hpp"

#include <algorithm>

namespace drama::inline v0 {
std::string waiting_task::text() const {
    std::string line = "task " + std::to_string(number);
    if (!name.empty()) {
        line += " '" + name + '\'';
    }
    line += "  tenant=" + tenant + "  ";
    if (waits_at.empty()) {
        line += "suspended";
    } else {
        line += "awaits " + (object.empty() ? name_of(waits_for) : object) + "  " + waits_at;
        line += "  for " + std::to_string(waited / std::chrono::milliseconds(1)) + " ms";
    }
    if (!held_by.empty()) {
        line += "  " + held_by;
    }
    return line + "  (spawned at " + spawned_at + ')';
}

std::string_view name_of(verdict_kind kind) noexcept {
    constexpr std::string_view names[verdict_kinds] = {
        "none",     "cycle",    "starved_pool", "dormant_holder", "orphan",  "stranded",
        "external", "livelock", "late",         "leak",           "starved", "invariant"};
    return names[static_cast<std::size_t>(kind)];
}

std::string verdict::key() const {
    std::vector<std::string> places;
    for (const waiting_task& each : tasks) {
        places.push_back(each.waits_at);
    }
    std::ranges::sort(places);
    const auto repeated = std::ranges::unique(places);
    places.erase(repeated.begin(), repeated.end());
    std::string text(name_of(kind));
    for (const std::string& each : places) {
        text += ' ' + each;
    }
    return kind == verdict_kind::invariant ? text + ' ' + summary : text;
}

std::string verdict::text() const {
    std::string text = summary + '\n';
    for (const waiting_task& each : tasks) {
        text += "  " + each.text() + '\n';
    }
    if (others != 0) {
        text += "  and " + std::to_string(others) + " more tasks wait\n";
    }
    return text;
}

}  // namespace drama::inline v0
