// SPDX-License-Identifier: Apache-2.0
#include "drama/base/atomic.hpp"

#include <sched.h>

namespace drama::inline v0 {

void real_atomics::yield() noexcept {
    ::sched_yield();
}

}  // namespace drama::inline v0
