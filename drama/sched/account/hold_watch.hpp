// SPDX-License-Identifier: Apache-2.0
// What a pool of servers knows of why its tenants wait: judged at each start, for the time since
// the tenant's last one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "drama/sched/account/hold_account.hpp"

namespace drama::inline v0 {

/// Threads: under the pool's lock.
class hold_watch {
  public:
    explicit hold_watch(std::uint32_t capacity) noexcept : capacity_(capacity) {}

    /// So many servers there are at a time, `kept` of them for tenants under their share.
    void set_capacity(std::uint32_t capacity, std::uint32_t kept) noexcept {
        capacity_ = capacity;
        kept_ = kept;
    }
    /// What is served there takes the same resource. Lifetime: the rings outlive this.
    void look_at(std::vector<const served_ring*> elsewhere) noexcept {
        elsewhere_ = std::move(elsewhere);
    }
    /// A function of `who` has ended.
    void note_served(const tenant_share& who, duration used, instant until) noexcept {
        here_.note(who, used, until);
    }

    /// A start: of which tenant, and how many servers are in service with it.
    struct start {
        const tenant_share* who = nullptr;
        std::int64_t weight = 0;       ///< its own
        std::int64_t weight_here = 0;  ///< of all that have work here
        std::uint32_t own = 0;         ///< servers that it has now
        std::uint32_t all = 0;         ///< and all tenants
        std::size_t waiting = 0;       ///< its items that wait, this one included
    };
    /// What held a tenant's work back.
    struct judgement {
        hold_cause why = hold_cause::no_capacity;
        duration held{};
        std::size_t items = 0;
        served_ring::service other;  ///< who was served most meanwhile, and for how long

        explicit operator bool() const noexcept { return held > duration(0); }
    };
    /// Judges the time from `since` until now, and notes nothing.
    judgement judge(const start& of, instant since, instant now) const noexcept {
        if (now <= since) {
            return {};
        }
        served_ring::service other = most_since(since, *of.who);
        other.used = std::min(other.used, now - since);
        return {cause_of(of, other.who != nullptr), now - since, of.waiting, other};
    }
    /// Notes what held the tenant's work back from `since` until now.
    void note_start(hold_account& in, const start& of, instant since, instant now) noexcept {
        const judgement made = judge(of, since, now);
        if (!made) {
            return;
        }
        in.add(made.why, made.held, made.items);
        if (made.other.who != nullptr) {
            in.credit(*made.other.who, made.other.used);
        }
    }

  private:
    // Who is alone is measured as if one more of its weight were there: it comes and goes.
    hold_cause cause_of(const start& of, bool has_others) const noexcept {
        const std::int64_t weights = std::max(of.weight_here, 2 * of.weight);
        if (std::int64_t{of.own} * weights <= std::int64_t{capacity_} * of.weight) {
            return hold_cause::no_capacity;
        }
        if (kept_ != 0 && of.all + kept_ >= capacity_) {
            return hold_cause::kept_thread;
        }
        return has_others ? hold_cause::ahead_of_share : hold_cause::no_capacity;
    }
    served_ring::service most_since(instant since, const tenant_share& but) const noexcept {
        served_ring::service most = here_.most_since(since, but);
        for (const served_ring* const each : elsewhere_) {
            const served_ring::service there = each->most_since(since, but);
            most = there.used > most.used ? there : most;
        }
        return most;
    }

    std::uint32_t capacity_;
    std::uint32_t kept_ = 0;
    served_ring here_;
    std::vector<const served_ring*> elsewhere_;
};

}  // namespace drama::inline v0
