// SPDX-License-Identifier: Apache-2.0
// A task is awaited once, and the await shows it: only an rvalue is awaited.
// error: a task is awaited once
#include "drama/coro/task.hpp"

drama::task<int> work();

drama::task<int> use() {
    auto pending = work();
#ifndef DRAMA_FIX
    co_return co_await pending;
#else
    co_return co_await std::move(pending);
#endif
}
