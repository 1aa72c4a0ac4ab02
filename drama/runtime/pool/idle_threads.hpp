// SPDX-License-Identifier: Apache-2.0
// The threads of a pool that have nothing to do, the one that rested last first: it is the warmest,
// and those that are not needed stay at the end until they have rested for long enough to go.
#pragma once

#include <cstddef>

#include "drama/base/atomic.hpp"

namespace drama::inline v0 {

/// What a thread of a pool derives from. Under the pool's lock.
template <class Thread, class Atomics = real_atomics>
struct idle_link {
    typename Atomics::template plain<Thread*> next_idle{nullptr};
    typename Atomics::template plain<bool> is_idle{false};
};

/// Threads: the pool's lock. A thread rests in the same critical section in which it found nothing
///          to do; who brings work takes one out in the one in which it queued it. So no work waits
///          while a thread rests that nobody has taken out to wake it.
/// Complexity: O(1); forget O(threads that rest).
template <class Thread, class Atomics = real_atomics>
class idle_threads {
  public:
    bool empty() const noexcept { return first_ == nullptr; }
    std::size_t count() const noexcept { return count_; }

    void push(Thread& resting) noexcept {
        resting.next_idle = first_;
        resting.is_idle = true;
        first_ = &resting;
        ++count_;
    }
    /// Takes one out, to be woken; null: none rests.
    Thread* pop() noexcept {
        Thread* const found = first_;
        if (found != nullptr) {
            first_ = found->next_idle;
            found->is_idle = false;
            --count_;
        }
        return found;
    }
    /// Takes out a thread that woke by itself.
    void forget(Thread& awake) noexcept {
        auto* link = &first_;
        while (*link != nullptr) {
            Thread* const each = *link;
            if (each == &awake) {
                *link = awake.next_idle;
                awake.is_idle = false;
                --count_;
                return;
            }
            link = &each->next_idle;
        }
    }

  private:
    typename Atomics::template plain<Thread*> first_{nullptr};
    typename Atomics::template plain<std::size_t> count_{0};
};

}  // namespace drama::inline v0
