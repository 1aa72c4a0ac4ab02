// SPDX-License-Identifier: Apache-2.0
// Who burns CPUs outside the workers, and where the most due of them stands on the clock of the
// workers' queue. The kernel lets workers go before burning threads always; by this workers know
// when one of those is due, and leave it a CPU.
//
// A tenant that begins to burn stands at the clock, or where the most due one does that burns
// already, and moves on by all that it is charged for; the clock moves as the tenants on the
// workers do. A tenant whose functions wait for a thread keeps what it is owed. Who burns does not
// move the clock: a function is charged in lumps that no turn can be fine enough to balance, and
// all that come to the workers afresh would be placed before or behind those that wait there.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "drama/runtime/world/world.hpp"
#include "drama/sched/fair_clock.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0 {

/// No locks: those that burn run at the lowest priority, and who waited for one of them in the
/// middle of a change would wait until a CPU is idle.
///
/// Threads: any. Complexity: O(burning threads).
class burning_board {
  public:
    static constexpr std::size_t places_max = 128;
    /// What a burning thread asks for at a time: to leave it a CPU for less is hardly worth the
    /// change.
    static constexpr duration request = std::chrono::milliseconds(2);
    /// How far behind the clock a tenant may begin again, and how far ahead: a function or two.
    static constexpr duration credit_max = std::chrono::milliseconds(4);
    static constexpr duration debt_max = std::chrono::milliseconds(100);
    /// A thread that uses less between two looks waits for something other than a CPU.
    static constexpr duration used_min = std::chrono::microseconds(50);
    /// So many times a worker leaves its CPU for each burning thread before one that has not used
    /// any of it counts no longer, until it does: it waits for something else.
    static constexpr std::uint32_t patience = 16;

    /// One thread that burns, while its function or task runs.
    struct place {
        std::atomic<bool> is_taken{false};
        std::atomic<tenant_record*> payer{nullptr};  ///< null: nobody burns here
        // Written by who takes the place. The word holds what was charged here, in ns, below the
        // number of takings: so that nothing is charged to who came later.
        std::atomic<const world_thread*> thread{nullptr};  ///< null: somebody else charges
        std::atomic<std::int64_t> cpu_before_ns{0};        ///< of the thread, when it began
        std::atomic<std::uint64_t> charged{0};
        bool has_permit = false;                ///< a note of who took the place
        std::atomic<std::uint32_t> used_at{0};  ///< times CPUs had been left when it last used one
    };

    explicit burning_board(const fair_clock& clock) noexcept : clock_(&clock) {}

    /// A thread begins to burn for `payer`. With a `thread`, the payer is charged here for what
    /// that uses beyond `cpu_before`; else somebody else charges. Pass the place to leave. Null:
    /// there are too many, and nobody can see this one; no more than that.
    place* enter(tenant_record& payer, instant now, const world_thread* thread = nullptr,
                 duration cpu_before = duration::zero()) noexcept;
    /// Yields what was charged here meanwhile. `left` may be null.
    duration leave(place* left) noexcept;

    /// Charges what the threads have used since, and looks anew who is most due.
    /// Threads: one at a time.
    void refresh(instant now) noexcept;

    /// A worker left its CPU for a while.
    void note_left() noexcept { left_.fetch_add(1, std::memory_order_relaxed); }
    /// Who charges a place itself tells here that its thread has used a CPU since it last did.
    void note_used(place& used) noexcept {
        used.used_at.store(left_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    }

    /// The payer has a function or task that waits to burn; until part().
    void join(tenant_record& payer, instant now) noexcept;
    void part(tenant_record& payer) noexcept;

    /// Where the tenant stands, or would if it began to burn now.
    virtual_time position_of(const tenant_record& payer, instant now) const noexcept;

    /// Of the tenants that burn, in 1/1024, as refresh() saw them last.
    std::int64_t weight() const noexcept { return weight_.load(std::memory_order_relaxed); }
    /// Whose that is; null: nobody's. A hint, as those below.
    const tenant_record* most_due() const noexcept {
        return most_due_.load(std::memory_order_relaxed);
    }
    /// Threads that burn. A hint.
    std::size_t count() const noexcept { return count_.load(std::memory_order_relaxed); }
    /// Where the most due one stands, and when its request is due; no_deadline: nobody would use a
    /// CPU. Two hints: they may belong to two tenants for a moment.
    virtual_time position() const noexcept { return position_.load(std::memory_order_relaxed); }
    virtual_time deadline() const noexcept { return deadline_.load(std::memory_order_relaxed); }

  private:
    const tenant_record* look() noexcept;
    std::int64_t sum_of_weights() const noexcept;
    bool waits_for_something(const place& mine) const noexcept;

    const fair_clock* clock_;
    std::array<place, places_max> places_{};
    std::atomic<std::size_t> used_{0};  // places ever in use lie below
    std::atomic<std::size_t> count_{0};
    std::atomic<virtual_span> shift_{0};  // of all, back towards the clock
    std::atomic<std::int64_t> weight_{0};
    std::atomic<std::uint32_t> left_{0};  // times a worker left its CPU
    std::atomic<const tenant_record*> most_due_{nullptr};
    std::atomic<virtual_time> position_{0};
    std::atomic<virtual_time> deadline_{no_deadline};
};

}  // namespace drama::inline v0
