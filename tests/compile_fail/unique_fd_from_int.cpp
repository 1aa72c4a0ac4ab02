// SPDX-License-Identifier: Apache-2.0
// Taking ownership of a number must be said: no int becomes a unique_fd by accident.
// error: (no viable conversion|conversion from 'int' to non-scalar type|could not convert)
#include "drama/base/unique_fd.hpp"

int use(int number) {
#ifndef DRAMA_FIX
    drama::unique_fd fd = number;
#else
    drama::unique_fd fd(number);
#endif
    return fd.get();
}
