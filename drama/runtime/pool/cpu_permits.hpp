// SPDX-License-Identifier: Apache-2.0
// The right to burn a CPU: compute functions and demoted threads take one, so that threads that
// burn never pile up behind each other. Workers need none.
#pragma once

#include <atomic>
#include <cstdint>

namespace drama::inline v0 {

/// Counts permits; hand-overs without a free one still happen and make the count negative.
///
/// give_back() and free() are sequentially consistent: who gives a permit and then finds no work,
/// and who brings work and then finds no permit, cannot both be right.
/// Threads: any.
class cpu_permits {
  public:
    explicit cpu_permits(std::int32_t total) noexcept : total_(total), free_(total) {}

    bool try_take() noexcept {
        std::int32_t seen = free_.load(std::memory_order_relaxed);
        while (seen > 0) {
            if (free_.compare_exchange_weak(seen, seen - 1, std::memory_order_acquire)) {
                return true;
            }
        }
        return false;
    }
    /// For a hand-over, which cannot wait. False: there was none left; it is counted.
    bool take_anyway() noexcept {
        const bool had = free_.fetch_sub(1, std::memory_order_acquire) > 0;
        if (!had) {
            overcommitted_.fetch_add(1, std::memory_order_relaxed);
        }
        return had;
    }
    /// For who gave its permit away for a while and goes on, permit or not.
    void take_back() noexcept { free_.fetch_sub(1, std::memory_order_acquire); }
    void give_back() noexcept { free_.fetch_add(1, std::memory_order_seq_cst); }

    std::int32_t free() const noexcept { return free_.load(std::memory_order_seq_cst); }
    /// Something burns, or did just now.
    bool is_any_taken() const noexcept { return free_.load(std::memory_order_relaxed) < total_; }
    /// Hand-overs that found no free permit.
    std::uint64_t overcommitted() const noexcept {
        return overcommitted_.load(std::memory_order_relaxed);
    }

  private:
    const std::int32_t total_;
    std::atomic<std::int32_t> free_;
    std::atomic<std::uint64_t> overcommitted_{0};
};

}  // namespace drama::inline v0
