// SPDX-License-Identifier: Apache-2.0
#include "drama/base/atomic.hpp"

#include <sched.h>
#include <time.h>

#include <algorithm>

namespace drama::inline v0 {

void real_atomics::yield(unsigned tries) noexcept {
    constexpr unsigned yields_max = 8;
    constexpr unsigned doublings_max = 5;
    constexpr long first_nap_ns = 20'000;
    if (tries < yields_max) {
        ::sched_yield();
        return;
    }
    const timespec nap{0, first_nap_ns << std::min(tries - yields_max, doublings_max)};
    ::nanosleep(&nap, nullptr);
}

}  // namespace drama::inline v0
