// SPDX-License-Identifier: Apache-2.0
#include "explain/decisions.hpp"

#include <cctype>
#include <cmath>

#include <nlohmann/json.hpp>

#include "span_text.hpp"

namespace drama::cli {
namespace {

using nlohmann::json;

decision_row row_in(const json& from) {
    return {.ago_ns = from.value("ago_ns", 0.0),
            .queue = from.at("queue").get<std::string>(),
            .decision = from.at("decision").get<std::string>(),
            .reason = from.value("reason", std::string()),
            .other = from.value("for", std::string()),
            .lasted_ns = from.value("lasted_ns", 0.0),
            .lag_ns = from.value("lag_ns", 0.0),
            .value = from.value("value", std::int64_t{0}),
            .bound = from.value("bound", std::int64_t{0})};
}

std::string signed_span(double ns) {
    return (ns < 0 ? "-" : "") + span_text(std::abs(ns));
}

std::string compared(const decision_row& of) {
    const std::string value = std::to_string(of.value);
    const std::string bound = std::to_string(of.bound);
    if (of.decision == "picked") {
        return " after " + span_text(of.lasted_ns) + ", owed " + signed_span(of.lag_ns) + "; " +
               value + " of " + bound + " that wait on are its own";
    }
    if (of.decision == "held") {
        return " for " + span_text(of.lasted_ns) + " by " + of.reason +
               (of.other.empty() ? "" : "; " + of.other + " was served");
    }
    if (of.decision == "stolen") {
        return " from core " + value + " by core " + bound;
    }
    if (of.decision == "permit_refused") {
        return ": " + of.reason + "; it has " + value + " burning threads, " + bound +
               " permits are free";
    }
    if (of.reason == "tenant_queue_delay") {
        return " by " + of.reason + ": its work waited " +
               span_text(static_cast<double>(of.value)) + " of at most " +
               span_text(static_cast<double>(of.bound));
    }
    return " by " + of.reason + ": it had " + value + " of at most " + bound;
}

}  // namespace

std::string decision_row::text() const {
    return span_text(ago_ns) + " ago, " + queue + ": " + decision + compared(*this);
}

std::expected<std::vector<decision_row>, std::string> read_decisions(std::string_view answer) {
    try {
        std::vector<decision_row> made;
        const json parsed = json::parse(answer);
        for (const json& each : parsed.at("decisions")) {
            made.push_back(row_in(each));
        }
        return made;
    } catch (const json::exception& wrong) {
        return std::unexpected(std::string("not the answer of a drama runtime: ") + wrong.what());
    }
}

void write_decisions(json_writer& json, const std::vector<decision_row>& all) {
    json.begin_array("decisions");
    for (const decision_row& each : all) {
        json.begin_object();
        json.number("ago_ns", each.ago_ns);
        json.text("queue", each.queue);
        json.text("decision", each.decision);
        json.text("reason", each.reason);
        json.text("for", each.other);
        json.number("lasted_ns", each.lasted_ns);
        json.number("lag_ns", each.lag_ns);
        json.number("value", each.value);
        json.number("bound", each.bound);
        json.end_object();
    }
    json.end_array();
}

std::string decisions_path(std::string_view tenant) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string path = "/debug/tenants/";
    for (const char each : tenant) {
        const auto byte = static_cast<unsigned char>(each);
        if (std::isalnum(byte) != 0 || each == '-' || each == '_' || each == '.') {
            path.push_back(each);
        } else {
            path += {'%', digits[byte >> 4U], digits[byte & 15U]};
        }
    }
    return path;
}

}  // namespace drama::cli
