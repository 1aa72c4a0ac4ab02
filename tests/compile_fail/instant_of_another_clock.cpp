// SPDX-License-Identifier: Apache-2.0
// An instant of the machine's clock means nothing to a simulated one: the types do not mix.
// error: (no viable conversion|could not convert|conversion from)
#include <chrono>

#include "drama/base/clock.hpp"

drama::instant use([[maybe_unused]] std::chrono::steady_clock::time_point machine) {
#ifndef DRAMA_FIX
    drama::instant then = machine;
#else
    drama::instant then = drama::long_ago;
#endif
    return then;
}
