// SPDX-License-Identifier: Apache-2.0
// Only what makes a task can be spawned; a plain function goes to compute or blocking.
// error: no matching function for call to|no matching member function
#include "drama/coro/scope.hpp"

int plain(int value);
drama::task<int> work(int value);

drama::task<void> use(drama::scope_handle scope) {
#ifndef DRAMA_FIX
    auto spawned = scope.spawn(plain, 1);
#else
    auto spawned = scope.spawn(work, 1);
#endif
    static_cast<void>(spawned);
    co_return;
}
