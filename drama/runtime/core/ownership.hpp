// SPDX-License-Identifier: Apache-2.0
// Who may touch a core: the protocol by which the watchdog takes a core away from a thread that
// burns in user code, without a fence on the thread's own path.
//
// 1. The holder is in state `runtime` or `user`. It writes its state with plain stores.
// 2. enter(): state <- runtime; compiler fence; if nobody claims, go on.
// 3. take():  claim <- claimed; a barrier on all threads (membarrier(2)); if the state is `user`,
// then
//    claim <- taken, for ever: this thread never holds a core again. Else claim <- none.
// 4. A holder that enters while claimed waits for the decision.
// 5. visit() is take() without the end: claim <- none in any case. What it does in between, it does
//    with the core standing still.
// Either the barrier comes after the holder's store of `runtime`, and the watchdog sees it; or
// before, and then the holder's load of the claim, which follows the store, sees `claimed`. This is
// the asymmetric form of Dekker's algorithm. The barrier orders all before it, also the store of
// the claim. It is a parameter, so that a model checker can enumerate both orders
// (ownership_test.cpp).
#pragma once

#include <cstdint>

#include "drama/base/atomic.hpp"

namespace drama::inline v0 {

/// One thread's tenure of a core. Threads: enter, leave by the thread; take by the watchdog.
template <class Atomics = real_atomics>
class basic_ownership {
  public:
    enum class state : std::uint8_t { runtime, user };

    /// From user code into the runtime. False: the core was taken; this thread has none any more.
    bool enter() noexcept {
        state_.store(state::runtime, std::memory_order_relaxed);
        std::atomic_signal_fence(std::memory_order_seq_cst);
        if (claim_.load(std::memory_order_acquire) == claim::none) [[likely]] {
            return true;
        }
        return await_decision();
    }

    /// From the runtime into user code. Pairs with the acquire in take().
    void leave() noexcept { state_.store(state::user, std::memory_order_release); }

    bool is_in_user_code() const noexcept {
        return state_.load(std::memory_order_relaxed) == state::user;
    }

    /// Tries to take the core; `barrier()` is a full barrier on every thread; `commit()` runs
    /// between the decision and its publication, so the old holder waits for it. True: the core is
    /// the caller's.
    template <class Barrier, class Commit>
    bool take(Barrier barrier, Commit commit) noexcept {
        claim_.store(claim::claimed, std::memory_order_relaxed);
        barrier();
        const bool won = state_.load(std::memory_order_acquire) == state::user;
        if (won) {
            commit();
        }
        claim_.store(won ? claim::taken : claim::none, std::memory_order_release);
        return won;
    }

    /// Runs `action()` if the holder is in user code, and keeps it there meanwhile. True: it did.
    template <class Barrier, class Action>
    bool visit(Barrier barrier, Action action) noexcept {
        claim_.store(claim::claimed, std::memory_order_relaxed);
        barrier();
        const bool won = state_.load(std::memory_order_acquire) == state::user;
        if (won) {
            action();
        }
        claim_.store(claim::none, std::memory_order_release);
        return won;
    }

    bool is_taken() const noexcept {
        return claim_.load(std::memory_order_acquire) == claim::taken;
    }

  private:
    enum class claim : std::uint8_t { none, claimed, taken };

    bool await_decision() noexcept {
        claim seen = claim_.load(std::memory_order_acquire);
        while (seen == claim::claimed) {
            Atomics::yield();
            seen = claim_.load(std::memory_order_acquire);
        }
        return seen == claim::none;
    }

    typename Atomics::template atomic<state> state_{state::runtime};
    typename Atomics::template atomic<claim> claim_{claim::none};
};

using ownership = basic_ownership<>;

}  // namespace drama::inline v0
