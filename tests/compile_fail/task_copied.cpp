// SPDX-License-Identifier: Apache-2.0
// Two owners of one frame would destroy it twice: tasks move and do not copy.
// error: deleted
#include "drama/coro/task.hpp"

drama::task<int> use(drama::task<int> mine) {
#ifndef DRAMA_FIX
    auto other = mine;
#else
    auto other = std::move(mine);
#endif
    co_return co_await std::move(other);
}
