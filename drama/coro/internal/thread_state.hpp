// SPDX-License-Identifier: Apache-2.0
// What the language layer keeps per thread. Read only in functions that are not coroutines and not
// inlined into one: a coroutine may resume on another thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drama::inline v0 {
class account;
class allocation_gate;
class frame_pool;
class runnable;
}  // namespace drama::inline v0

namespace drama::inline v0::internal {

struct thread_state {
    runnable* running = nullptr;      ///< the strand that this thread runs
    frame_pool* pool = nullptr;       ///< where its frames come from; null: the heap
    account* payer = nullptr;         ///< pays for frames instead of the running strand's account
    account* tallied = nullptr;       ///< whose frames are summed up before they are charged
    std::int64_t tallied_bytes = 0;   ///< and the sum
    bool prefix_wanted = false;       ///< the next frame carries room for a `spawned`
    bool spoils = false;              ///< frames are overwritten when they are freed
    void* prefixed_frame = nullptr;   ///< the frame that got it
    allocation_gate* gate = nullptr;  ///< asked before memory is given out; null: nobody is
};

extern constinit thread_local thread_state this_thread;

}  // namespace drama::inline v0::internal
