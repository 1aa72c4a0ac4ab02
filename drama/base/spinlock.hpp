// SPDX-License-Identifier: Apache-2.0
// A lock for a few instructions' worth of work: never held across a syscall, a callback into user
// code or an allocation.
#pragma once

#include <cstdint>

#include "drama/base/assert.hpp"
#include "drama/base/atomic.hpp"

namespace drama::inline v0 {

/// Test-and-test-and-set with exponential backoff. The holder may be off its CPU: after about 100
/// pauses a waiter gives way, and then sleeps, since the holder may be a thread of the lowest
/// priority that gets no CPU while waiters of normal priority spin or yield (priority inversion).
/// Meets BasicLockable. Threads: any.
template <class Atomics = real_atomics>
class basic_spinlock {
  public:
    void lock() noexcept {
        if (!try_lock()) [[unlikely]] {
            lock_contended();
        }
    }
    bool try_lock() noexcept {
        const state before = held_.exchange(state::held, std::memory_order_acquire);
        if (before == state::free) [[likely]] {
            return true;
        }
        DRAMA_ASSERT(before == state::held, "something is used after it was destroyed");
        return false;
    }
    /// Pairs with try_lock's acquire.
    void unlock() noexcept { held_.store(state::free, std::memory_order_release); }
    /// What it guards is being destroyed: whoever locks it from now on is stopped.
    void end_use() noexcept { held_.store(state::ended, std::memory_order_release); }

  private:
    enum class state : std::uint8_t { free, held, ended = 0xdb };

    [[gnu::noinline]] void lock_contended() noexcept {
        unsigned tries = 0;
        do {
            if (tries < spins_max) {
                Atomics::pause(1U << tries);
            } else {
                Atomics::yield(tries - spins_max);
            }
            ++tries;
        } while (held_.load(std::memory_order_relaxed) == state::held || !try_lock());
    }

    static constexpr unsigned spins_max = 6;

    typename Atomics::template atomic<state> held_{state::free};
};

using spinlock = basic_spinlock<>;

/// Takes both or neither, and waits for none: no order among locks is needed. Threads: any.
template <class Lock>
bool try_lock_both(Lock& first, Lock& second) noexcept {
    if (!first.try_lock()) {
        return false;
    }
    if (!second.try_lock()) {
        first.unlock();
        return false;
    }
    return true;
}

}  // namespace drama::inline v0
