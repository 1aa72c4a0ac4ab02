// SPDX-License-Identifier: Apache-2.0
// The demoted workers, and how one of them is woken. No lock: these threads have the lowest
// priority, and one that is preempted while it holds a lock would stop the workers that want it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>

#include "drama/runtime/core/worker.hpp"

namespace drama::inline v0::internal {

/// A worker that finds nothing to do: rest(), then looks again, then parks; whoever brings work or
/// a permit: brings it, then wake_one(). Of the two, one sees the other: the mark of rest, the
/// count of work and the count of permits are each written and then read across in one single order
/// of all sequentially consistent operations. No fences: thread sanitizers cannot follow them.
///
/// Threads:  any. Complexity: O(members). Lifetime: members outlive it, also those that retired.
class demoted_team {
  public:
    static constexpr std::size_t members_max = 1024;

    /// False if the team is full; the worker is then never woken, and ends when it has rested.
    bool add(worker& member) noexcept {
        for (std::size_t i = 0; i < members_max; ++i) {
            worker* nobody = nullptr;
            if (places_[i].compare_exchange_strong(nobody, &member, std::memory_order_acq_rel)) {
                std::size_t used = used_.load(std::memory_order_relaxed);
                while (used <= i && !used_.compare_exchange_weak(used, i + 1)) {
                }
                count_.fetch_add(1, std::memory_order_relaxed);
                return true;
            }
        }
        return false;
    }

    /// Wakes a member that rests, if there is one. True also if one that was woken is on its way.
    bool wake_one() noexcept {
        const std::size_t used = used_.load(std::memory_order_acquire);
        for (std::size_t i = 0; i < used; ++i) {
            worker* const member = places_[i].load(std::memory_order_acquire);
            if (member != nullptr && member->rests.load(std::memory_order_seq_cst) &&
                member->rests.exchange(false, std::memory_order_acq_rel)) {
                rising_.fetch_add(1, std::memory_order_relaxed);
                member->wake_spare();
                return true;
            }
        }
        return rising_.load(std::memory_order_relaxed) > 0;
    }
    /// A member that was woken is awake.
    void note_risen() noexcept { rising_.fetch_sub(1, std::memory_order_relaxed); }

    static void rest(worker& member) noexcept {
        member.rests.store(true, std::memory_order_seq_cst);
    }
    /// Ends the rest. False if somebody has woken this member meanwhile.
    static bool rise(worker& member) noexcept {
        return member.rests.exchange(false, std::memory_order_acq_rel);
    }

    /// Lets a member go that rests, unless no more than `least` are left or it is being woken.
    bool retire(worker& member, std::size_t least) noexcept {
        std::size_t count = count_.load(std::memory_order_relaxed);
        do {
            if (count <= least) {
                return false;
            }
        } while (!count_.compare_exchange_weak(count, count - 1));
        if (!rise(member)) {
            count_.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        for (auto& place : places_) {
            worker* wanted = &member;
            if (place.compare_exchange_strong(wanted, nullptr, std::memory_order_acq_rel)) {
                break;
            }
        }
        return true;
    }

  private:
    std::array<std::atomic<worker*>, members_max> places_{};
    std::atomic<std::size_t> used_{0};  // places in use lie below
    std::atomic<std::size_t> count_{0};
    std::atomic<std::int32_t> rising_{0};  // woken, and not there yet
};

}  // namespace drama::inline v0::internal
