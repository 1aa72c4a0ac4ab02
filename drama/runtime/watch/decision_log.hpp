// SPDX-License-Identifier: Apache-2.0
// The last decisions about those tenants that somebody asks about: what was decided, when, and what
// it was compared with. Nothing is kept of any other, and where nobody asks a decision costs a
// branch.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "drama/base/clock.hpp"
#include "drama/base/export.hpp"
#include "drama/base/spinlock.hpp"
#include "drama/base/work.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0 {

class fair_clock;

enum class decision_kind : std::uint8_t {
    picked,          ///< its turn, or a function of it, began
    held,            ///< it was passed by until it was picked, or is still; `reason`: hold_cause
    stolen,          ///< another core took tasks of it
    permit_refused,  ///< a task went to the demoted threads; `reason`: why it had no core
    gate_refused,    ///< a root or request was turned away; `reason`: refusal_reason
};

constexpr const char* name_of(decision_kind value) noexcept {
    constexpr const char* names[] = {"picked", "held", "stolen", "permit_refused", "gate_refused"};
    return names[static_cast<std::size_t>(value)];
}

struct decision {
    instant at{};
    decision_kind kind = decision_kind::picked;
    queue_id queue = queue_id::async;
    const char* reason = "";              ///< static storage
    const tenant_share* other = nullptr;  ///< held: who was served meanwhile
    duration lasted{};                    ///< picked: the wait; held: the hold
    duration lag{};                       ///< picked: what it was owed then; below 0: was ahead
    /// What was compared. picked: its items that waited on, of all that did; stolen: from which
    /// core, to which; permit_refused: its burning threads, free permits; gate_refused: what it
    /// had, its limit (of tasks or requests; else ns that its work waited, at most).
    std::int64_t value = 0;
    std::int64_t bound = 0;
};

/// What is owed to a tenant at a decision. Units: CPU time; below zero it is ahead.
DRAMA_API duration owed_to(const tenant_share& whom, queue_id queue, const fair_clock& clock,
                           instant now) noexcept;

/// Rings of 64 decisions for at most 16 tenants; whom nobody has asked about for 10 s is forgotten.
///
/// Threads: any. note() may be called with a lock of a queue held, watch() and forget_idle() not.
class DRAMA_API decision_log {
  public:
    static constexpr std::size_t length = 64;
    static constexpr std::size_t tenants_max = 16;
    static constexpr duration kept_for = std::chrono::seconds(10);

    /// Somebody asks about some tenant: note what is decided. Cost: a load.
    bool is_on() const noexcept { return is_on_.load(std::memory_order_relaxed); }
    /// Forgets the decision at once unless somebody asks about `whose`. Before a pick it notes what
    /// held the tenant back in that queue since the last decision.
    void note(const tenant_record& whose, const decision& made) noexcept;

    /// The last decisions about `whose`, the latest first; from now on more are noted, for 10 s.
    /// At the limit the one that was asked about longest ago makes room.
    std::vector<decision> watch(const tenant_record& whose, instant now);
    /// Gives back the memory of what nobody asks about any more.
    void forget_idle(instant now) noexcept;
    std::size_t watched() noexcept;

  private:
    struct ring {
        const tenant_record* whose = nullptr;
        instant until = long_ago;
        std::uint64_t count = 0;
        std::array<decision, length> last;
        std::array<hold_figures, queues> held;  // as of the last decision

        void add(const decision& made) noexcept { last[count++ % length] = made; }
        void add_holds(queue_id queue, instant now) noexcept;
    };
    ring* find_locked(const tenant_record& whose) noexcept;
    std::unique_ptr<ring>& place_locked(instant now) noexcept;

    std::atomic<bool> is_on_{false};            // there are rings
    spinlock lock_;                             // guards the rings
    std::vector<std::unique_ptr<ring>> rings_;  // `tenants_max` places, from the first watch on
};

}  // namespace drama::inline v0
