// SPDX-License-Identifier: Apache-2.0
// What a plan answers to the disk of one simulated machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "drama/fault/fault_plan.hpp"
#include "drama/io/operation.hpp"
#include "drama/sim/disk/disk_options.hpp"

namespace drama::inline v0::internal {

/// Asks at the sites of drama/fault/io_faults.hpp, at "disk.close" and at "disk.crash".
/// Threads: one at a time.
class disk_faults {
  public:
    disk_faults(fault_plan& plan, std::string machine) noexcept
        : plan_(&plan), machine_(std::move(machine)) {}

    /// Nothing can fire now, so nothing needs to be remembered for it.
    bool is_quiet() const noexcept { return plan_->is_empty(); }
    std::optional<std::int64_t> ask(fault_kind kind, const operation& op) noexcept;

    /// What `op` fails with before it has done anything; 0: it does not.
    std::int64_t refusal(const operation& op) noexcept;

    struct failed_sync {
        std::int64_t outcome = 0;  ///< a negative errno
        sync_failure how{};
    };
    /// `usual`: what becomes of the pages when an error does not say it.
    std::optional<failed_sync> sync_failure_of(const operation& op, sync_failure usual) noexcept;

    enum class close_failure : std::uint8_t { none, unheard, told_open_descriptors };
    /// Of a file that was written through the descriptor and not synced since.
    close_failure on_close() noexcept;

    /// What a crash leaves of a file with unsynced changes.
    crash_law law_of_file(crash_law usual) noexcept;
    crash_law law_of_names(crash_law usual) noexcept;

  private:
    std::optional<std::int64_t> ask_at(fault_kind kind, std::string_view site) noexcept;
    std::optional<crash_law> law_of_unsynced() noexcept;

    fault_plan* plan_;
    std::string machine_;
};

}  // namespace drama::inline v0::internal
