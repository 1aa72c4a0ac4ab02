// SPDX-License-Identifier: Apache-2.0
// A task does nothing until it is awaited or spawned, so a call that drops it is a mistake.
// flags: -Werror=unused-result
// error: a task does nothing until it is awaited or spawned
#include "drama/coro/task.hpp"

drama::task<void> work();

drama::task<void> use() {
#ifndef DRAMA_FIX
    work();
    co_return;
#else
    co_await work();
#endif
}
