// SPDX-License-Identifier: Apache-2.0
// What does not know the task that awaits it can neither be stopped nor explained.
// error: not awaitable in a drama task
#include "drama/coro/sleep.hpp"

drama::task<void> use() {
#ifndef DRAMA_FIX
    co_await std::suspend_never();
#else
    co_await drama::yield_now();
#endif
}
