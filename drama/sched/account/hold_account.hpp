// SPDX-License-Identifier: Apache-2.0
// Why queued work of a tenant was not served, for how long, and who was served meanwhile. Noted
// where a hold ends, by whoever decides that: nothing is scanned, and a push costs nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "drama/base/atomic.hpp"
#include "drama/base/clock.hpp"

namespace drama::inline v0 {

class tenant_share;

/// What held work back that could have started. All but no_capacity are throttling: of the tenant's
/// own limit, or of its share.
enum class hold_cause : std::uint8_t {
    ahead_of_share,  ///< it had had more than its share, and others were served
    kept_thread,     ///< the threads left are kept for tenants under their share
    unsynced_bytes,  ///< it had written too much without syncing
    admission,       ///< a gate let none of its roots or requests in
    no_capacity,     ///< there was no room, and it had not had more than its share
    rate_limit,      ///< a rate_limiter let no more of its tasks pass
};
inline constexpr std::size_t hold_causes = 6;
/// Those that hold work in a queue; they come first.
inline constexpr std::size_t queue_hold_causes = 5;

constexpr const char* name_of(hold_cause value) noexcept {
    constexpr const char* names[] = {"ahead_of_share", "kept_thread", "unsynced_bytes",
                                     "admission",      "no_capacity", "rate_limit"};
    return names[static_cast<std::size_t>(value)];
}
constexpr bool is_throttling(hold_cause value) noexcept {
    return value != hold_cause::no_capacity;
}

/// The last few turns or functions that one server, or pool of them, has served.
/// Threads: note() under the queue's lock; most_since() from any, a hint then.
class served_ring {
  public:
    static constexpr std::size_t length = 8;

    void note(const tenant_share& who, duration used, instant until) noexcept {
        const std::uint32_t count = count_.load(std::memory_order_relaxed);
        entry& next = entries_[count % length];
        next.who.store(&who, std::memory_order_relaxed);
        next.used_ns.store(used.count(), std::memory_order_relaxed);
        next.until_ns.store(until.time_since_epoch().count(), std::memory_order_relaxed);
        count_.store(count + 1, std::memory_order_relaxed);
    }

    struct service {
        const tenant_share* who = nullptr;
        duration used{};
    };
    /// The longest service of another tenant than `but` that ended after `since`, of the last
    /// `looks`.
    service most_since(instant since, const tenant_share& but,
                       std::uint32_t looks = length) const noexcept {
        service most;
        const std::uint32_t count = count_.load(std::memory_order_relaxed);
        for (std::uint32_t back = 1; back <= looks; ++back) {
            const entry& each = entries_[(count - back) % length];
            if (each.until_ns.load(std::memory_order_relaxed) <= since.time_since_epoch().count()) {
                break;
            }
            const tenant_share* const who = each.who.load(std::memory_order_relaxed);
            const duration used(each.used_ns.load(std::memory_order_relaxed));
            if (who != &but && used > most.used) {
                most = {who, used};
            }
        }
        return most;
    }

  private:
    struct entry {
        atomic<const tenant_share*> who{nullptr};
        atomic<std::int64_t> used_ns{0};
        atomic<std::int64_t> until_ns{0};
    };

    atomic<std::uint32_t> count_{0};
    std::array<entry, length> entries_;
};

/// The holds of one tenant in one queue, since it was made.
/// Threads: written under the queue's lock; read from any (a hint). Memory: some 120 bytes.
class hold_account {
  public:
    static constexpr std::size_t served_max = 3;

    // Holds that begin at one moment and end at another. Threads: the queue's lock.

    void begin(instant now) noexcept { since_.store(now, std::memory_order_relaxed); }
    void forget() noexcept { since_.store(long_ago, std::memory_order_relaxed); }
    bool has_begun() const noexcept { return since() != long_ago; }
    /// When the hold began that lasts, if it is one; long_ago: none does. Threads: any (a hint).
    instant since() const noexcept { return since_.load(std::memory_order_relaxed); }
    /// The hold of `own` by its share ends, and was none for the last `free`. One in which nobody
    /// else was served was none at all.
    void end(const served_ring& served, const tenant_share& own, duration free, std::size_t items,
             instant now) noexcept {
        // Of those that were served meanwhile, a sample will do.
        constexpr std::uint32_t turns_looked_at = 2;
        const duration held = now - since() - free;
        if (held > duration(0)) {
            const auto other = served.most_since(since(), own, turns_looked_at);
            if (other.who != nullptr) {
                add(hold_cause::ahead_of_share, held, items);
                credit(*other.who, other.used);
            }
        }
        forget();
    }

    /// Work of the tenant, `items` at the end of it, was held back for so long.
    void add(hold_cause why, duration held, std::size_t items) noexcept {
        const auto ns = static_cast<std::uint64_t>(held.count());
        bump(ns_[static_cast<std::size_t>(why)], ns);
        if (is_throttling(why)) {
            bump(item_ns_, ns * items);
        }
    }
    /// `who` was served for `used` while this tenant was held back. Of many the greatest are kept
    /// (Space-Saving: one that came late may be told the time of one that it displaced as well).
    void credit(const tenant_share& who, duration used) noexcept {
        benefit* least = benefits_.data();
        for (benefit& each : benefits_) {
            if (each.who.load(std::memory_order_relaxed) == &who) {
                least = &each;
                break;
            }
            if (each.ns.load(std::memory_order_relaxed) <
                least->ns.load(std::memory_order_relaxed)) {
                least = &each;
            }
        }
        least->who.store(&who, std::memory_order_relaxed);
        bump(least->ns, static_cast<std::uint64_t>(used.count()));
    }

    std::uint64_t ns(hold_cause why) const noexcept {
        return ns_[static_cast<std::size_t>(why)].load(std::memory_order_relaxed);
    }
    /// Throttled time of every item.
    std::uint64_t item_ns() const noexcept { return item_ns_.load(std::memory_order_relaxed); }

    struct beneficiary {
        const tenant_share* who = nullptr;  ///< null: none
        std::uint64_t ns = 0;               ///< that it was served while this tenant was held
    };
    std::array<beneficiary, served_max> beneficiaries() const noexcept {
        std::array<beneficiary, served_max> all;
        for (std::size_t i = 0; i != served_max; ++i) {
            all[i] = {benefits_[i].who.load(std::memory_order_relaxed),
                      benefits_[i].ns.load(std::memory_order_relaxed)};
        }
        return all;
    }

  private:
    // One writer at a time, so this need not be one atomic step.
    static void bump(atomic<std::uint64_t>& counter, std::uint64_t by) noexcept {
        counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }

    struct benefit {
        atomic<const tenant_share*> who{nullptr};
        atomic<std::uint64_t> ns{0};
    };

    atomic<instant> since_{long_ago};
    std::array<atomic<std::uint64_t>, queue_hold_causes> ns_{};
    atomic<std::uint64_t> item_ns_{0};
    std::array<benefit, served_max> benefits_;
};

}  // namespace drama::inline v0
