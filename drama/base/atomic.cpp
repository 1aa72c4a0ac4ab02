// SPDX-License-Identifier: Apache-2.0
#include "drama/base/atomic.hpp"

#include <sched.h>
#include <time.h>

namespace drama::inline v0 {

void real_atomics::yield(unsigned tries) noexcept {
    constexpr unsigned yields_max = 8;
    constexpr timespec nap{0, 20'000};
    if (tries < yields_max) {
        ::sched_yield();
    } else {
        ::nanosleep(&nap, nullptr);
    }
}

}  // namespace drama::inline v0
