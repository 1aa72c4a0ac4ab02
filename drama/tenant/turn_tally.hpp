// SPDX-License-Identifier: Apache-2.0
// What one turn adds to the counters of its tenant. All cores write the counters, and a turn has
// many polls: so the core counts for itself, and adds at the end of the turn.
#pragma once

#include <array>
#include <cstdint>

#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0 {

/// Threads: the holder of the core that it belongs to.
class turn_tally {
  public:
    /// Requires: flushed.
    void begin(tenant_record& payer) noexcept { payer_ = &payer; }
    /// What `payer` is charged may be noted here.
    bool is_of(const account* payer) const noexcept { return payer == payer_; }

    void note_started() noexcept { ++started_; }
    void note_ended() noexcept { ++ended_; }
    /// Tasks that ended in this turn, so far.
    std::uint64_t ended() const noexcept { return ended_in_turn_ + ended_; }
    void note_operation(op_code code, std::int64_t outcome) noexcept;

    /// Adds all to the tenant's counters, which may go on.
    void flush() noexcept;
    void end() noexcept {
        flush();
        ended_in_turn_ = 0;
        payer_ = nullptr;
    }

  private:
    tenant_record* payer_ = nullptr;
    std::uint64_t started_ = 0;
    std::uint64_t ended_ = 0;
    std::uint64_t ended_in_turn_ = 0;  // flushed already
    std::uint64_t noted_ = 0;          // bit c: operations_[c] is not empty
    std::array<op_count, op_codes> operations_{};
};
static_assert(op_codes <= 64);

}  // namespace drama::inline v0
