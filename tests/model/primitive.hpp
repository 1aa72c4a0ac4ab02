// SPDX-License-Identifier: Apache-2.0
// What the checks of primitives share: a thread's parking spot, and what is expected of a search.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "drama/check/explore.hpp"

namespace drama::testing {

/// A permit that one thread waits for, as the runtime's parkers are.
class checked_parker {
  public:
    void park() {
        while (!permit_.exchange(false, std::memory_order_acquire)) {
            check::atomics::yield();
        }
    }
    void unpark() { permit_.store(true, std::memory_order_release); }

  private:
    check::atomic<bool> permit_{false};
};

/// Whether a search notices that the order `order` in `file` is weakened, at one place at least.
inline bool notices(const std::vector<check::order_need>& audited, const std::string& file,
                    const std::string& order) {
    return std::any_of(audited.begin(), audited.end(), [&](const check::order_need& each) {
        return each.is_needed && each.place.starts_with(file + ":") && each.order == order;
    });
}

/// The orders that no search needed, for a message.
inline std::string unneeded(const std::vector<check::order_need>& audited) {
    std::string text;
    for (const check::order_need& each : audited) {
        text += each.is_needed ? "" : each.place + " " + each.order + "; ";
    }
    return text;
}

}  // namespace drama::testing
