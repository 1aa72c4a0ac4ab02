// SPDX-License-Identifier: Apache-2.0
#include "load/arrivals.hpp"

#include <cmath>

namespace drama::cli {

duration arrival_schedule::next() noexcept {
    const std::uint64_t number = count_++;
    switch (options_.law) {
        case arrival_law::poisson:
            seconds_ -= std::log1p(-random_.unit()) / options_.per_second;
            break;
        case arrival_law::bursts:
            seconds_ = static_cast<double>(number - number % options_.burst) / options_.per_second;
            break;
        default:
            // From the number, not from the one before: rounding must not add up.
            seconds_ = static_cast<double>(number) / options_.per_second;
            break;
    }
    return duration(static_cast<std::int64_t>(seconds_ * 1e9));
}

}  // namespace drama::cli
