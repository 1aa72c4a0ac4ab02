// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/report/lost_blocks.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>

#include "drama/sim/report/code_place.hpp"
#include "drama/sim/report/run_trace.hpp"

namespace drama::inline v0 {
namespace {

constexpr std::size_t listed_max = 4;

struct amount {
    std::size_t blocks = 0;
    std::size_t bytes = 0;
};

// The innermost line of the user's own code: not the library's that it calls.
std::string place_of(const internal::heap_block& block) {
    for (const void* const caller : block.callers) {
        if (caller == nullptr) {
            break;
        }
        for (const std::string& each : internal::code_places(caller)) {
            if (each.find(" at /usr/") == std::string::npos &&
                each.find("/drama/sim/") == std::string::npos) {
                return each;
            }
        }
    }
    return "a place that is not known";
}

}  // namespace

void describe_lost_blocks(const std::vector<internal::heap_block>& lost, run_verdict& into) {
    amount sum;
    std::map<std::string, amount> by_place;
    for (const internal::heap_block& each : lost) {
        const std::string spawned =
            each.has_task ? "  by a task that was spawned at " + place_text(each.spawned_at) : "";
        amount& here = by_place["taken in " + place_of(each) + spawned];
        for (amount* const count : {&here, &sum}) {
            ++count->blocks;
            count->bytes += each.bytes;
        }
    }
    into.what = "memory is lost: " + std::to_string(sum.blocks) + " blocks, " +
                std::to_string(sum.bytes) + " bytes, which nobody gives back or can reach";
    for (const auto& [place, count] : by_place) {
        into.places.push_back(place);
        if (into.waits.size() < listed_max) {
            into.waits.push_back(std::to_string(count.bytes) + " bytes in " +
                                 std::to_string(count.blocks) + "  " + place);
        }
    }
    std::ranges::sort(into.places);
}

}  // namespace drama::inline v0
