// SPDX-License-Identifier: Apache-2.0
// One function call on a pool: what runs, who pays, who waits for it.
#pragma once

#include <atomic>
#include <cstdint>
#include <source_location>
#include <system_error>

#include "drama/base/work.hpp"
#include "drama/sched/pool_order.hpp"
#include "drama/runtime/world/world.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0 {

class pool_thread;

/// Queued by submit, run once, completed once. Whoever waits embeds it.
/// Lifetime: from submit until `complete` is called on a pool thread.
struct job : pool_item {
    enum class state : std::uint8_t { idle, queued, running, done };

    /// The function; sets the outcome in the enclosing object. Not called if the job was given up.
    void (*run)(job&) noexcept = nullptr;
    /// Hands the outcome over; the job may be gone when it returns.
    void (*complete)(job&) noexcept = nullptr;

    tenant_record* payer = nullptr;
    const char* name = "";
    std::source_location where_from;  ///< of the call, or of the task that makes it
    const void* function = nullptr;   ///< costs are learnt by function
    std::error_code given_up;         ///< why `run` was not called
    std::atomic<bool> stop_asked{false};

    /// Forgets a job that a waiter ran inline while it stood in the queue; null: nobody waits so.
    void (*dropped_from_queue)(job&) noexcept = nullptr;

    // The pool's, under its lock.
    state progress = state::idle;
    bool ran_inline = false;  ///< claimed by a waiter; the queue only forgets it
    pool_thread* runner = nullptr;
    parker* waiter = nullptr;  ///< a thread that waits for it
};

}  // namespace drama::inline v0
