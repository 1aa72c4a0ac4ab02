// SPDX-License-Identifier: Apache-2.0
// Faults of a world's threads: refused, slow, paused, short of stack. Simulated worlds and the
// faulty one put their bodies into a faulty_body.
#pragma once

#include <string_view>

#include "drama/fault/fault_plan.hpp"
#include "drama/runtime/world/world.hpp"

namespace drama::inline v0 {

/// "thread.worker", "thread.compute" ...: where threads of a role are started.
DRAMA_API std::string_view thread_site(thread_role role) noexcept;

/// False if the plan says that the system refuses this thread. Asked on the account of the task
/// that needs it, if there is one.
DRAMA_API bool may_start_thread(const fault_context& in, thread_role role) noexcept;

/// Another body, whose thread runs inside a world with faults: user code finds the plan, frames may
/// be refused, and a worker's steps may be late.
///
/// Asks for worker_slow, worker_paused and stack_shallow at "worker.step.N", for the N-th worker
/// thread of the world, counted from 0; from 8 on "worker.step.more".
/// Lifetime: outlives its thread; so do the other body, the plan and the time.
class DRAMA_API faulty_body final : public thread_body {
  public:
    /// Requires: a plan and a time.
    faulty_body(thread_role role, thread_body& in, const fault_context& context) noexcept;

    instant step() noexcept override;
    parker& parked_on() noexcept override { return in_->parked_on(); }
    bool is_finished() const noexcept override { return in_->is_finished(); }
    void enter_thread() noexcept override;
    void leave_thread() noexcept override;

  private:
    std::optional<std::int64_t> ask(fault_kind kind) noexcept {
        return context_.plan->decide({.kind = kind, .site = site_, .node = context_.node});
    }

    const thread_role role_;
    thread_body* const in_;
    const fault_context context_;
    const std::string_view site_;
};

}  // namespace drama::inline v0
