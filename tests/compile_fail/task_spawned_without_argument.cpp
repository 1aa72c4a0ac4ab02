// SPDX-License-Identifier: Apache-2.0
// A spawn is checked like the call that it makes.
// error: no matching function for call to|no matching member function
#include "drama/coro/scope.hpp"

drama::task<int> work(int value);

drama::task<void> use(drama::scope_handle scope) {
#ifndef DRAMA_FIX
    auto spawned = scope.spawn(work);
#else
    auto spawned = scope.spawn(work, 1);
#endif
    static_cast<void>(spawned);
    co_return;
}
