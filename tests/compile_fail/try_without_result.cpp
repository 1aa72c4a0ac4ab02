// SPDX-License-Identifier: Apache-2.0
// DRAMA_TRY passes an error upward, so its function must be able to return one.
// error: (no viable conversion|cannot convert|could not convert)
#include "drama/base/result.hpp"

drama::result<int> parse(int text);

#ifndef DRAMA_FIX
int twice(int text) {
#else
drama::result<int> twice(int text) {
#endif
    DRAMA_TRY(auto number, parse(text));
    return 2 * number;
}
