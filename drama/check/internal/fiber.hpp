// SPDX-License-Identifier: Apache-2.0
// A stack of its own and the switch to it: how the threads of a checked program take turns on one
// kernel thread, tens of nanoseconds a switch.
#pragma once

#include <cstddef>

namespace drama::inline v0::internal {

/// Where one flow of control stands while another runs.
///
/// What stands on the stack of a fiber that never goes on is not destroyed.
/// Threads: all fibers that switch to each other belong to one thread.
class fiber {
  public:
    static constexpr std::size_t stack_bytes = std::size_t{256} << 10;

    fiber() noexcept = default;
    ~fiber();
    fiber(const fiber&) = delete;
    fiber& operator=(const fiber&) = delete;

    /// The next switch to it calls `entry(of)`, which never returns.
    void prepare(void (*entry)(void*), void* of);
    /// Leaves `from`, which is the running one, and goes on here.
    void resume(fiber& from) noexcept;
    /// It will never go on, and what it owns is not to be taken for lost by a leak check.
    void abandon() noexcept;
    /// What runs on it first calls this: sanitizers are told that the switch is over.
    static void arrived() noexcept;

  private:
    void* top_ = nullptr;    // the saved stack pointer
    void* stack_ = nullptr;  // null: a thread's own stack
    void* fake_stack_ = nullptr;
    [[maybe_unused]] void* known_as_ = nullptr;  // to the thread sanitizer
};

}  // namespace drama::inline v0::internal
