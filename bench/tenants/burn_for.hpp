// SPDX-License-Identifier: Apache-2.0
// Work that takes a CPU for so long, however many others want it.
#pragma once

#include <time.h>

#include "drama/base/clock.hpp"

namespace bench {

inline void burn_for(drama::duration span) {
    timespec begin{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    for (;;) {
        timespec now{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        if ((now.tv_sec - begin.tv_sec) * 1'000'000'000L + now.tv_nsec - begin.tv_nsec >=
            span.count()) {
            return;
        }
    }
}

}  // namespace bench
