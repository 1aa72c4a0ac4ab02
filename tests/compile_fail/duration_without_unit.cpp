// SPDX-License-Identifier: Apache-2.0
// A bare number is no duration: the unit stands in the code.
// error: (no viable conversion|conversion from 'int' to non-scalar type|could not convert)
#include "drama/base/clock.hpp"

drama::duration pause() {
    using namespace std::chrono_literals;
#ifndef DRAMA_FIX
    drama::duration wait = 10;
#else
    drama::duration wait = 10ms;
#endif
    return wait;
}
