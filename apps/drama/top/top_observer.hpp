// SPDX-License-Identifier: Apache-2.0
// Looks at an admin endpoint, now and again.
#pragma once

#include <expected>
#include <string>
#include <utility>

#include "drama/base/clock.hpp"
#include "drama/io/socket_address.hpp"
#include "top/top_sample.hpp"

namespace drama::cli {

/// Threads: one at a time; each look blocks.
class top_observer {
  public:
    /// `window_s`: takes rates over so many seconds, up to 60; 0: between two looks. Satisfaction
    /// is over ten seconds then.
    explicit top_observer(socket_address where, std::uint64_t window_s = 0)
        : where_(where),
          tenants_("/debug/tenants?window=" + std::to_string(window_s == 0 ? 10 : window_s)),
          wants_window_(window_s != 0) {}

    /// Errors: one line.
    std::expected<top_sample, std::string> look() const;
    /// Two looks, so far apart.
    std::expected<std::pair<top_sample, top_sample>, std::string> look_twice(
        std::chrono::milliseconds apart) const;
    instant now() const { return time_.now(); }

  private:
    socket_address where_;
    std::string tenants_;  // the target
    bool wants_window_;
    clock time_;
};

}  // namespace drama::cli
