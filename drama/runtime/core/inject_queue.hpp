// SPDX-License-Identifier: Apache-2.0
// The entrance to a core from other threads, and the mark by which they know that its worker
// sleeps.
//
// 1. push(): the item goes in, then the pusher asks whether the taker is parked.
// 2. park(): the mark goes up, then the taker asks whether there is something.
// Both are sequentially consistent, so one of the two sees the other: no item waits for a worker
// that sleeps. Whoever takes the mark down wakes the taker: one pusher, or none if the taker woke
// by itself. Nothing else hangs on that, so it has no order: who wakes passes on what it wrote. The
// model checker searches all of it (tests/model/inject_queue_test.cpp).
#pragma once

#include "drama/base/atomic.hpp"
#include "drama/base/mpsc_stack.hpp"

namespace drama::inline v0 {

/// Threads: push, unpark and is_parked by any; take_all and park by the taker.
template <class Node, auto Next, class Atomics = real_atomics>
class basic_inject_queue {
  public:
    /// True: the taker sleeps, and the caller is the one to wake it.
    bool push(Node& node) noexcept {
        items_.push(node);
        return parked_.load(std::memory_order_seq_cst) &&
               parked_.exchange(false, std::memory_order_relaxed);
    }
    bool empty() const noexcept { return items_.empty(); }
    /// Everything pushed so far, oldest first, linked through Next.
    Node* take_all() noexcept { return items_.take_all(); }

    /// The taker is about to sleep. False: it must not, there is something.
    bool park() noexcept {
        parked_.store(true, std::memory_order_seq_cst);
        return items_.empty();
    }
    /// Takes the mark down: by the taker when it is awake, by others to wake it for another reason.
    /// False: somebody else did, or it is not parked.
    bool unpark() noexcept {
        return parked_.load(std::memory_order_relaxed) &&
               parked_.exchange(false, std::memory_order_relaxed);
    }
    /// A hint.
    bool is_parked() const noexcept { return parked_.load(std::memory_order_relaxed); }

  private:
    mpsc_stack<Node, Next, Atomics> items_;
    typename Atomics::template atomic<bool> parked_{false};
};

}  // namespace drama::inline v0
