// SPDX-License-Identifier: Apache-2.0
#include "top/top_observer.hpp"

#include <time.h>

#include "fetch.hpp"

namespace drama::cli {

std::expected<top_sample, std::string> top_observer::look() const {
    const auto tenants = fetch(where_, tenants_);
    if (!tenants) {
        return std::unexpected(tenants.error());
    }
    const instant at = time_.now();
    const auto process = fetch(where_, "/debug/runtime");
    if (!process) {
        return std::unexpected(process.error());
    }
    auto made = read_sample(*tenants, *process, at);
    if (made && !wants_window_) {
        made->window = 0;
    }
    return made;
}

std::expected<std::pair<top_sample, top_sample>, std::string> top_observer::look_twice(
    std::chrono::milliseconds apart) const {
    auto before = look();
    if (!before) {
        return std::unexpected(before.error());
    }
    const timespec span{apart.count() / 1000, apart.count() % 1000 * 1'000'000};
    ::nanosleep(&span, nullptr);
    auto after = look();
    if (!after) {
        return std::unexpected(after.error());
    }
    return std::pair(*std::move(before), *std::move(after));
}

}  // namespace drama::cli
