// SPDX-License-Identifier: Apache-2.0
#include "drama/fault/interference.hpp"

#include <algorithm>
#include <cmath>

namespace drama::inline v0 {
namespace {

struct quantile_name {
    double part;
    const char* name;
};

constexpr quantile_name quantiles[] = {{0.5, "median"}, {0.99, "p99"}, {1, "maximum"}};

std::string in_us(duration length) {
    return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(length).count()) +
           " us";
}

}  // namespace

duration work_log::quantile(double part) const {
    if (took_.empty()) {
        return duration::zero();
    }
    std::vector<duration> sorted = took_;
    std::ranges::sort(sorted);
    const auto count = static_cast<double>(sorted.size());
    const auto rank = static_cast<std::size_t>(std::ceil(part * count));
    return sorted[std::clamp(rank, std::size_t{1}, sorted.size()) - 1];
}

std::string interference(const work_log& without, const work_log& with,
                         const isolation_bounds& bounds) {
    const double least = static_cast<double>(without.done()) * (1 - bounds.lost_work);
    if (static_cast<double>(with.done()) < least) {
        return "work was lost: " + std::to_string(with.done()) + " pieces of " +
               std::to_string(without.done());
    }
    for (const auto& [part, name] : quantiles) {
        const duration alone = without.quantile(part);
        const duration together = with.quantile(part);
        const auto longer = static_cast<double>(alone.count()) * (1 + bounds.longer);
        if (together > duration(static_cast<std::int64_t>(longer)) + bounds.later) {
            return std::string("the ") + name + " latency went from " + in_us(alone) + " to " +
                   in_us(together);
        }
    }
    return {};
}

}  // namespace drama::inline v0
