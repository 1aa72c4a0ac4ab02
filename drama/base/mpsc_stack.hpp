// SPDX-License-Identifier: Apache-2.0
// Many threads push, one takes everything: the shape of inject queues and remote frees.
#pragma once

#include "drama/base/atomic.hpp"

namespace drama::inline v0 {

/// Lock-free stack of nodes linked through the member `Next`. Taking all at once makes it free of
/// ABA.
///
/// Complexity: push O(1) (one compare-exchange), take_all O(n) for the reversal.
/// Threads:    push any; take_all any, but each node goes to one taker.
template <class Node, auto Next, class Atomics = real_atomics>
class mpsc_stack {
  public:
    /// Returns true if the stack was empty, so the pusher must wake the taker.
    bool push(Node& node) noexcept {
        Node* head = head_.load(std::memory_order_relaxed);
        do {
            node.*Next = head;
            // Pairs with take_all: the taker sees the node's fields. Sequentially consistent, so
            // that a pusher may afterwards ask whether the taker sleeps.
        } while (!head_.compare_exchange_weak(head, &node, std::memory_order_seq_cst,
                                              std::memory_order_relaxed));
        return head == nullptr;
    }

    bool empty() const noexcept { return head_.load(std::memory_order_seq_cst) == nullptr; }

    /// Everything pushed so far, oldest first, linked through Next.
    Node* take_all() noexcept {
        Node* taken = take_newest_first();
        Node* ordered = nullptr;
        while (taken != nullptr) {
            Node* following = taken->*Next;
            taken->*Next = ordered;
            ordered = taken;
            taken = following;
        }
        return ordered;
    }

    /// Everything pushed so far, newest first. Complexity: O(1).
    Node* take_newest_first() noexcept {
        return empty() ? nullptr : head_.exchange(nullptr, std::memory_order_acquire);
    }

  private:
    typename Atomics::template atomic<Node*> head_{nullptr};
};

}  // namespace drama::inline v0
