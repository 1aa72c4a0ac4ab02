// SPDX-License-Identifier: Apache-2.0
// The three gates of one runtime, behind one saturation: spawn (roots), request (permits), accept.
//
// A refusal is an answer at once; a wait stands in its tenant's line and is decided, in order, when
// a task or request of anyone ends, and again with every sample of the saturation. Children of
// admitted work meet no gate: one that waited for its own parent would wait for ever.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "drama/base/spinlock.hpp"
#include "drama/runtime/gate/saturation.hpp"
#include "drama/tenant/admission.hpp"

namespace drama::inline v0::internal {

class engine;

/// Threads: sample by the watchdog; the rest by any. Limits may be passed by as many as there are
///          threads that ask at the same moment.
class admission_gate final : public admission_host {
  public:
    explicit admission_gate(engine& of) noexcept : engine_(&of) {}

    /// Why a root of `payer` is not admitted now; counted as refused.
    std::optional<refusal> refuse_spawn(tenant_record& payer) noexcept;

    std::optional<refusal> try_enter(tenant_record& payer, std::uint32_t cost) noexcept override;
    void leave(tenant_record& payer, std::uint32_t cost) noexcept override;
    bool wait(admission_wait& wait) noexcept override;
    bool withdraw(admission_wait& wait) noexcept override;

    /// Something ended: decides who can be decided now. Cost while nobody waits: a load.
    void note_end() noexcept {
        if (waiting_.load(std::memory_order_relaxed) != 0) [[unlikely]] {
            decide();
        }
    }
    /// Somebody waits for admission. Threads: any (a hint).
    bool is_awaited() const noexcept { return waiting_.load(std::memory_order_relaxed) != 0; }
    /// Takes a sample if it is time, and decides who can be decided.
    void tick(instant now) noexcept;
    /// False: nothing changes by itself, the watchdog may sleep.
    bool needs_ticks() const noexcept {
        return waiting_.load(std::memory_order_relaxed) != 0 || saturation_.is_over();
    }

    const drama::saturation& state() const noexcept { return saturation_; }

  private:
    std::optional<refusal> judge(tenant_record& payer, gate_kind which,
                                 std::uint32_t cost) const noexcept;
    void note_refused(tenant_record& payer, gate_kind which, refusal_reason why) const noexcept;
    bool is_full() const noexcept;
    void decide() noexcept;
    admission_wait* next_decided() noexcept;
    void remove(admission_wait& wait) noexcept;

    engine* engine_;
    drama::saturation saturation_;
    std::atomic<std::uint64_t> tasks_seen_{0};  // alive in the process, at the last sample
    spinlock lock_;                             // guards the lines and the two below
    intrusive_list<admission_line> lines_;      // in which somebody waits; served in turn
    std::atomic<std::size_t> waiting_{0};       // written under the lock
    std::atomic<bool> deciding_{false};
    std::atomic<bool> decide_again_{false};
};

}  // namespace drama::inline v0::internal
