// SPDX-License-Identifier: Apache-2.0
// Where an accepted operation is, and the queue that links operations. The one protocol by which a
// cancel from any thread meets the backend's own progress:
//
//  1. `operation::state` holds a stage and the cancel bit. A cancel sets the bit first, then acts
//  on
//     the stage that it found; the backend moves the stage and looks at the bit that it found.
//  2. posted, offloaded: the bit is enough, whoever takes the operation next looks at it.
//  3. queued: the operation is in its fd entry; the canceller unlinks it under the entry's lock and
//     hands it to the home backend as finished.
//  4. ring_queued, in_ring: the canceller pushes the operation to the ring owner's cancel stack.
//  Its
//     `done` waits until that node was popped, so the stack never holds an operation that is gone.
#pragma once

#include <atomic>
#include <cstdint>

#include "drama/io/operation.hpp"

namespace drama::inline v0::internal {

enum class op_stage : std::uint8_t {
    idle,
    posted,       ///< in a backend's inbox
    queued,       ///< in an fd entry, waits for readiness
    offloaded,    ///< with the offloader
    ring_queued,  ///< waits for room in the ring
    in_ring,      ///< the kernel's
    ring_done,    ///< out of the ring
    finished,     ///< has its outcome
};
inline constexpr std::uint8_t cancel_bit = 0x80;

struct stage_view {
    op_stage stage;
    bool cancelled;
};

inline stage_view view_of(std::uint8_t state) noexcept {
    return {static_cast<op_stage>(state & ~cancel_bit), (state & cancel_bit) != 0};
}

/// Release: publishes the operation to whoever sees `to`. Acquire: sees what a canceller or the
/// thread that had the operation before wrote; for operations that were with the kernel it is the
/// only edge that a race detector can see.
inline stage_view move_stage(operation& op, op_stage from, op_stage to) noexcept {
    const auto flip =
        static_cast<std::uint8_t>(static_cast<unsigned>(from) ^ static_cast<unsigned>(to));
    return view_of(op.state.fetch_xor(flip, std::memory_order_acq_rel));
}

inline stage_view stage_of(const operation& op) noexcept {
    return view_of(op.state.load(std::memory_order_acquire));
}

/// First in, first out; unlinks from the middle. Threads: the owner's lock.
class op_queue {
  public:
    bool empty() const noexcept { return head_ == nullptr; }
    operation* front() noexcept { return head_; }

    void push_back(operation& op) noexcept {
        op.next = nullptr;
        op.previous = tail_;
        (tail_ != nullptr ? tail_->next : head_) = &op;
        tail_ = &op;
    }

    /// Requires: `op` is in this queue.
    void remove(operation& op) noexcept {
        (op.previous != nullptr ? op.previous->next : head_) = op.next;
        (op.next != nullptr ? op.next->previous : tail_) = op.previous;
        op.next = op.previous = nullptr;
    }

    operation* pop_front() noexcept {
        operation* op = head_;
        if (op != nullptr) {
            remove(*op);
        }
        return op;
    }

  private:
    operation* head_ = nullptr;
    operation* tail_ = nullptr;
};

}  // namespace drama::inline v0::internal
