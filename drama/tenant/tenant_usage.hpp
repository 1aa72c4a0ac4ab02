// SPDX-License-Identifier: Apache-2.0
// What one tenant has used: counters charged on every switch, never reset.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "drama/base/clock.hpp"
#include "drama/io/operation.hpp"

namespace drama::inline v0 {

/// A counter that several cores add to. Threads: any; reads are hints until the tenant rests.
class usage_counter {
  public:
    void add(std::uint64_t amount) noexcept { value_.fetch_add(amount, std::memory_order_relaxed); }
    std::uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

/// Operations and bytes of one operation code.
struct op_usage {
    usage_counter operations;
    usage_counter bytes;
    usage_counter errors;
};

/// Some operations of one code, counted by one thread.
struct op_count {
    std::uint64_t operations = 0;
    std::uint64_t bytes = 0;
    std::uint64_t errors = 0;

    /// `outcome`: as in operation; what is no number of bytes is not added up.
    void add(op_code code, std::int64_t outcome) noexcept {
        ++operations;
        const bool has_bytes =
            code != op_code::open && code != op_code::accept && code != op_code::poll;
        if (outcome < 0) {
            ++errors;
        } else if (has_bytes) {
            bytes += static_cast<std::uint64_t>(outcome);
        }
    }
};

/// Counters of one tenant; what a running turn has used is in them from its end on. Units:
/// nanoseconds, operations, bytes.
struct tenant_usage {
    usage_counter cpu_ns;         ///< on workers, compute threads and demoted threads
    usage_counter burned_ns;      ///< the part of it that was not on workers
    usage_counter queue_wait_ns;  ///< runnable and not running, async
    usage_counter turns;
    usage_counter polls;
    usage_counter tasks_started;
    usage_counter tasks_ended;
    usage_counter compute_calls;
    usage_counter blocking_calls;
    usage_counter blocking_ns;    ///< thread time held in blocking functions
    usage_counter pool_wait_ns;   ///< compute and blocking functions queued
    usage_counter disk_wait_ns;   ///< file operations queued
    usage_counter refused;        ///< roots and requests refused at a gate
    usage_counter stalls;         ///< polls of 10 ms and more
    usage_counter hand_overs;     ///< polls that lost their core
    usage_counter demoted_turns;  ///< turns run on demoted threads for their record
    usage_counter gate_ns;        ///< time in which somebody waited for admission
    usage_counter gate_item_ns;   ///< the same, summed over those who waited
    usage_counter limit_ns;       ///< time in which somebody was next at a rate limiter
    usage_counter limit_item_ns;  ///< time that all who stood there waited

    /// CPU time outside the workers.
    void burn(duration used) noexcept {
        cpu_ns.add(static_cast<std::uint64_t>(used.count()));
        burned_ns.add(static_cast<std::uint64_t>(used.count()));
    }

    using op_table = std::array<op_usage, op_codes>;
};

}  // namespace drama::inline v0
