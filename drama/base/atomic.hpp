// SPDX-License-Identifier: Apache-2.0
// The atomics parameter of drama's lock-free code: templates take `Atomics`, the archive
// instantiates `real_atomics`, model-checking tests instantiate check::atomics, of the same shape.
#pragma once

#include <atomic>

#include "drama/base/export.hpp"

namespace drama::inline v0 {

/// Tells the CPU that this is a spin loop.
inline void cpu_pause() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// What real_atomics::yield does on the calling thread from now on; null: it gives way to another
/// thread of the machine. For threads that run by turns, where only one of them may run.
DRAMA_API void replace_yield(void (*instead)() noexcept) noexcept;

struct DRAMA_API real_atomics {
    template <class T>
    using atomic = std::atomic<T>;

    /// Data that threads share under a lock or by what an atomic publishes: nothing but a T here;
    /// a checked program finds accesses that nothing orders.
    template <class T>
    using plain = T;

    static void fence(std::memory_order order) noexcept { std::atomic_thread_fence(order); }
    /// In a loop that waits for another thread, which is likely to come soon.
    static void pause(unsigned times = 1) noexcept {
        for (; times != 0; --times) {
            cpu_pause();
        }
    }
    /// Lets another thread use this CPU: of the same priority at first, any when `tries` (how often
    /// the caller has given way before) shows that this does not help.
    static void yield(unsigned tries = 0) noexcept;
};

template <class T>
using atomic = real_atomics::atomic<T>;

}  // namespace drama::inline v0
