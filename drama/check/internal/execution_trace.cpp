// SPDX-License-Identifier: Apache-2.0
// What a run says about itself: names, places, the lines of a trace; and orders made weaker.
#include <cstdio>
#include <cstring>

#include "drama/check/internal/execution.hpp"

namespace drama::inline v0::internal {

std::string place_of(const std::source_location& where) {
    const char* const path = where.file_name();
    const char* const slash = std::strrchr(path, '/');
    return std::string(slash == nullptr ? path : slash + 1) + ":" + std::to_string(where.line());
}

const char* name_of(std::memory_order order) noexcept {
    switch (order) {
        case std::memory_order_relaxed:
            return "relaxed";
        case std::memory_order_consume:
        case std::memory_order_acquire:
            return "acquire";
        case std::memory_order_release:
            return "release";
        case std::memory_order_acq_rel:
            return "acq_rel";
        case std::memory_order_seq_cst:
            break;
    }
    return "seq_cst";
}

std::memory_order execution::effective(std::memory_order order, const std::source_location& where,
                                       bool is_failure) {
    if (order == std::memory_order_relaxed) {
        return order;
    }
    if (limits_.sites != nullptr) {
        bool is_known = false;
        for (const order_site& each : *limits_.sites) {
            is_known = is_known || each.is(where, is_failure);
        }
        if (!is_known) {
            limits_.sites->push_back({where, order, is_failure});
        }
    }
    if (limits_.weakened != nullptr && limits_.weakened->is(where, is_failure)) {
        return order == std::memory_order_seq_cst ? std::memory_order_acq_rel
                                                  : std::memory_order_relaxed;
    }
    return order;
}

std::string execution::name_of(std::size_t which) const {
    if (which == 0) {
        return "the first thread";
    }
    const std::string_view given = threads_[which].name;
    return given.empty() ? "thread " + std::to_string(which) : std::string(given);
}

std::string execution::value_of(int of, std::uint64_t value) const {
    const value_printer print = printers_[static_cast<std::size_t>(of)];
    return print == nullptr ? std::to_string(value) : print(value);
}

void execution::note(const checked_step& step, std::string text) {
    char head[96];
    std::snprintf(head, sizeof head, "%4zu  %-16s ", trace_.size() + 1, name_of(running_).c_str());
    std::string line = head + std::move(text);
    if (step.what != checked_step::kind::spin && step.what != checked_step::kind::notify) {
        line += std::string(", ") + internal::name_of(step.order);
    }
    if (step.of >= 0) {
        line += ", atomic " + std::to_string(step.of) + " of " + place_of(memory_.at(step.of).made);
    }
    trace_.push_back(line + "  at " + place_of(step.where));
}

}  // namespace drama::inline v0::internal
