// SPDX-License-Identifier: Apache-2.0
// A tenant that misbehaves as a plan says: floods, hogs, ignores stops, keeps permits. Put beside
// the tenants under test, it shows whether they notice.
#pragma once

#include <cstdint>
#include <optional>

#include "drama/base/clock.hpp"
#include "drama/coro/task.hpp"
#include "drama/fault/fault_plan.hpp"
#include "drama/io/socket_address.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama::inline v0 {

struct unruly_options {
    std::uint64_t rounds = 10;
    duration pause = std::chrono::milliseconds(5);   ///< between rounds
    std::optional<socket_address> connects_to = {};  ///< what "flood.connections" connects to
};

/// One round asks, on its own account, for
///  - tenant_floods at "flood.tasks", "flood.timers", "flood.blocking", "flood.memory",
///    "flood.connections";
///  - tenant_never_yields at "tenant.turn", tenant_leaks_permits at "tenant.request",
///    tenant_reconfigured at "tenant.options", callback_throws at "tenant.callback",
///    destructor_posts at "tenant.destructor";
/// and, when it was asked to stop, for tenant_ignores_stop and tenant_fills_shutdown at
/// "tenant.stop". What it started has ended when it ends.
///
/// Requires: runs as a task of `self`. Lifetime: `in` as the runtime.
DRAMA_API task<void> unruly_tenant(runtime_handle in, tenant self, unruly_options how);

/// Spawns an empty root on `payer` when it is destroyed, if the plan says so (destructor_posts).
class DRAMA_API posting_destructor {
  public:
    posting_destructor(runtime_handle in, tenant payer) noexcept : in_(in), payer_(payer) {}
    ~posting_destructor();
    posting_destructor(const posting_destructor&) = delete;
    posting_destructor& operator=(const posting_destructor&) = delete;

  private:
    runtime_handle in_;
    tenant payer_;
};

}  // namespace drama::inline v0
