// SPDX-License-Identifier: Apache-2.0
// Metrics of what holds tenants back, and of where the workers' time goes.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "drama/admin/metrics_writer.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama::inline v0 {

/// Throttled time by resource and cause. Units: ns.
class hold_table {
  public:
    void add(const tenant_record& of) noexcept;
    /// A sample for each pair of resource and cause that may be; of `labels`, unless these are
    /// empty, only what is not zero.
    void write(metrics_writer& to, const std::string& labels = {}) const;

  private:
    std::array<std::array<std::uint64_t, hold_causes>, resources> ns_{};
};

/// Three families: drama_worker_seconds_total, drama_cpu_unattributed_seconds_total and
/// drama_throttled_seconds_total.
void write_held(metrics_writer& to, const runtime_stats& stats, const hold_table& held);

/// What is owed to the tenant where that is most, or what it owes. Units: seconds of CPU.
double lag_seconds(const runtime& in, const tenant& of) noexcept;
/// How long what waits longest has waited.
double oldest_wait_seconds(const runtime& in, const tenant& of) noexcept;

}  // namespace drama::inline v0
