// SPDX-License-Identifier: Apache-2.0
// Everything drama keeps about one tenant, in three parts: what every turn writes, what queueing
// writes, and what only some tenants need (attached on first use).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "drama/base/export.hpp"
#include "drama/base/spinlock.hpp"
#include "drama/coro/account.hpp"
#include "drama/coro/runnable.hpp"
#include "drama/sched/lane_set.hpp"
#include "drama/sched/pool_order.hpp"
#include "drama/sched/tenant_share.hpp"
#include "drama/tenant/burning_account.hpp"
#include "drama/tenant/admission.hpp"
#include "drama/tenant/disk_account.hpp"
#include "drama/tenant/tenant_options.hpp"
#include "drama/tenant/tenant_usage.hpp"

namespace drama::inline v0 {

class tenant_record;

/// What held a tenant's work back, added up. Units: ns.
struct hold_figures {
    std::array<std::uint64_t, hold_causes> by_cause{};
    std::uint64_t item_ns = 0;  ///< throttled time of every item
    /// Who was served meanwhile, the most first; unused ones are null.
    std::array<hold_account::beneficiary, hold_account::served_max> beneficiaries{};

    void add(const hold_account& some) noexcept;
    /// A hold that lasts, or part of one.
    void add(const hold_watch::judgement& some) noexcept;
    void credit(const hold_account::beneficiary& whom) noexcept;
    std::uint64_t throttled_ns() const noexcept;
};

/// A tenant's lanes in one queue, which know whose they are.
class alignas(64) tenant_lanes final : public lane_set {
  public:
    explicit tenant_lanes(tenant_record& of) noexcept;
    tenant_record& record() const noexcept;

    /// Asks for the cache lines that a turn of these lanes touches beyond those of the queue: of
    /// the record, and of a task that may run next. Threads: under the core's lock.
    void prefetch_beyond_queue() const noexcept;
};

/// One tenant. Created by the registry, which owns it until the runtime ends.
///
/// Threads:  as each group says. Lifetime: that of its registry.
class DRAMA_API tenant_record final : private tenant_share, public account {
    // Lanes find the record by the share that they lie next to: a pointer of their own would cost
    // a line.
    friend class tenant_lanes;

    static constexpr std::size_t first_cores = 2;

    // With the account this fills one line: what a spawn is judged by, and where it is queued.
    std::array<std::atomic<tenant_lanes*>, first_cores> first_lanes_{};
    std::atomic<std::uint64_t> tasks_max_;
    std::atomic<std::int64_t> queue_delay_ns_;
    std::atomic<std::int64_t> queue_delay_seen_ns_{0};
    std::atomic<instant> queue_delay_seen_at_{long_ago};

  public:
    /// `gate` null: whatever asks for admission is admitted.
    tenant_record(std::uint64_t id, std::string name, std::size_t cores,
                  internal::admission_host* gate = nullptr);
    ~tenant_record();

    const std::string& name() const noexcept { return name_; }
    tenant_share& share() noexcept { return *this; }
    const tenant_share& share() const noexcept { return *this; }

    /// The lanes of this tenant on `core`, made on first use. Threads: under that core's lock.
    tenant_lanes& lanes_on(std::size_t core);
    /// The lanes in the compute and blocking queues. Threads: under the pool's lock.
    pool_lanes& compute_lanes() noexcept { return compute_lanes_; }
    const pool_lanes& compute_lanes() const noexcept { return compute_lanes_; }
    pool_lanes& blocking_lanes() noexcept { return blocking_lanes_; }
    /// Its tasks that wait for a demoted thread. Threads: under the demoted queue's lock.
    demoted_lane& demoted() noexcept { return demoted_; }
    /// Threads: under the burning board's lock.
    burning_account& burning() noexcept { return burning_; }
    const burning_account& burning() const noexcept { return burning_; }
    /// What the disk queue keeps of this tenant, made on first use; null if no memory is left for
    /// it. Threads: under the disk queue's lock.
    disk_account* disk() noexcept;
    /// The same if there is one. Threads: any.
    const disk_account* disk_if_any() const noexcept {
        return disk_.load(std::memory_order_acquire);
    }

    /// Threads: any. Takes effect with the next decision.
    void set(const tenant_options& options) noexcept;
    tenant_limits limits() const noexcept;
    // One of them each. Threads: any.
    std::uint64_t tasks_max() const noexcept { return tasks_max_.load(std::memory_order_relaxed); }
    std::uint64_t requests_max() const noexcept {
        return requests_max_.load(std::memory_order_relaxed);
    }
    duration queue_delay_max() const noexcept {
        return duration(queue_delay_ns_.load(std::memory_order_relaxed));
    }

    // Counters: any thread. The first line of them is what every turn writes.
    std::atomic<std::int32_t> demoted_threads{0};  ///< threads that burn for this tenant

  private:
    std::atomic<bool> has_demoted_site_{false};

  public:
    tenant_usage usage;
    std::atomic<std::int64_t> requests{0};          ///< permits held
    std::atomic<std::int64_t> queued_blocking{0};   ///< blocking functions not started
    std::atomic<std::int32_t> blocking_threads{0};  ///< blocking threads held

    /// Tasks alive. A hint while others start and end.
    std::int64_t tasks() const noexcept {
        return static_cast<std::int64_t>(usage.tasks_started.read() - usage.tasks_ended.read());
    }

    /// What is queued and not running, in tasks and functions. Threads: any (a hint).
    struct depths {
        std::size_t async = 0;
        std::size_t compute = 0;
        std::size_t blocking = 0;
        std::size_t disk = 0;  ///< file operations
    };
    depths queued() const noexcept;

    /// What held its work back in `queue`, over all cores. Threads: any (a hint).
    hold_figures held_in(queue_id queue) const noexcept;
    /// Since when its work on `core` is held back, and how much of it; long_ago: it is not.
    /// Threads: any (a hint).
    instant held_since_on(std::size_t core, std::size_t& items) const noexcept;
    /// The same at the gates and the rate limiters, for which nobody is served.
    hold_figures held_at_gates() const noexcept;
    /// All of these that are throttling. Units: ns.
    std::uint64_t throttled_ns() const noexcept;
    /// When the work of `queue` that is next there was queued; `never` if there is none.
    /// Threads: any (a hint).
    instant waiting_since(queue_id queue) const noexcept;

    internal::admission_host* gate() const noexcept { return gate_; }
    internal::admission_line& line_at(internal::gate_kind gate) noexcept {
        return lines_[static_cast<std::size_t>(gate)];
    }
    /// Notes how long the head of the tenant's async lanes had waited when its turn came.
    /// Threads: who runs the turn; several may.
    void note_queue_delay(duration waited, instant at) noexcept {
        queue_delay_seen_ns_.store(waited.count(), std::memory_order_relaxed);
        queue_delay_seen_at_.store(at, std::memory_order_relaxed);
    }
    /// What a new task of this tenant would wait for its turn: what the last one did, if that is
    /// not long ago. Threads: any (a hint).
    duration queue_delay(instant now) const noexcept {
        const instant seen_at = queue_delay_seen_at_.load(std::memory_order_relaxed);
        return now - seen_at > queue_delay_fresh
                   ? duration::zero()
                   : duration(queue_delay_seen_ns_.load(std::memory_order_relaxed));
    }

    /// Charges one completed operation. `outcome` < 0: a failure.
    void charge_operation(op_code code, std::int64_t outcome) noexcept {
        op_count one;
        one.add(code, outcome);
        charge_operations(code, one);
    }
    void charge_operations(op_code code, const op_count& some) noexcept;
    /// Null until the first operation.
    const tenant_usage::op_table* operations() const noexcept {
        return operations_.load(std::memory_order_acquire);
    }

    /// Notes that a task spawned at `site` overran its turn; returns how often that happened.
    /// Bounded to `sites_max` sites; the least seen one makes room.
    std::uint32_t note_overrun(const task_site& site) noexcept;
    /// True if tasks spawned at `site` run on demoted threads.
    bool is_demoted_site(const task_site& site) noexcept {
        return has_demoted_site_.load(std::memory_order_relaxed) && find_demoted(site);
    }

    /// Notes a poll of such a task on a demoted thread. Polls that did not overrun, so many in a
    /// row, give the site back to the cores: a hiccup of the machine is not held against it for
    /// ever.
    void note_demoted_poll(const task_site& site, bool has_overrun) noexcept;

    static constexpr std::uint32_t overruns_until_demoted = 3;
    static constexpr std::uint32_t calm_polls_until_forgiven = 64;
    static constexpr std::size_t sites_max = 8;
    static constexpr duration queue_delay_fresh = std::chrono::milliseconds(100);

  private:
    struct site_record {
        task_site site;
        std::uint32_t overruns = 0;
        std::uint32_t calm_polls = 0;  // on a demoted thread, in a row

        bool is_demoted() const noexcept { return overruns >= overruns_until_demoted; }
    };

    template <class Visit>
    void for_each_lanes(queue_id queue, Visit visit) const noexcept;
    bool find_demoted(const task_site& site) noexcept;
    site_record* find_site(const task_site& site) noexcept;

    std::atomic<tenant_lanes*>& lanes_at(std::size_t core) noexcept {
        return core < first_cores ? first_lanes_[core] : more_lanes_[core - first_cores];
    }
    const std::atomic<tenant_lanes*>& lanes_at(std::size_t core) const noexcept {
        return core < first_cores ? first_lanes_[core] : more_lanes_[core - first_cores];
    }

    const std::unique_ptr<std::atomic<tenant_lanes*>[]> more_lanes_;  // of the other cores
    const std::size_t cores_;
    pool_lanes compute_lanes_;
    pool_lanes blocking_lanes_;
    demoted_lane demoted_;
    burning_account burning_;
    std::atomic<disk_account*> disk_{nullptr};
    const std::string name_;

    std::atomic<std::uint64_t> requests_max_;
    std::atomic<std::uint64_t> blocking_queue_max_;

    internal::admission_host* const gate_;
    std::array<internal::admission_line, 2> lines_;  // under the gate's lock

    std::atomic<tenant_usage::op_table*> operations_{nullptr};
    spinlock sites_lock_;  // guards sites_
    std::unique_ptr<std::array<site_record, sites_max>> sites_;
};

inline tenant_lanes::tenant_lanes(tenant_record& of) noexcept : lane_set(of.share()) {
}

inline tenant_record& tenant_lanes::record() const noexcept {
    return static_cast<tenant_record&>(share());
}

inline void tenant_lanes::prefetch_beyond_queue() const noexcept {
    const tenant_record& payer = record();
    __builtin_prefetch(&payer.first_lanes_, 1);
    __builtin_prefetch(&payer.usage, 1);
    if (!empty()) {
        // A spawned task is one block with its frame; the queue asks for the first line.
        const char* const task = reinterpret_cast<const char*>(first_in_a_lane());
        constexpr std::size_t line = 64;
        for (const std::size_t at : {line, 2 * line, 3 * line}) {
            __builtin_prefetch(task + at, 1);
        }
    }
}

/// A cheap value that names a tenant; converts to the account that spawn and as_tenant take.
/// Lifetime: not beyond the runtime.
class tenant {
  public:
    tenant() noexcept = default;
    explicit tenant(tenant_record& record) noexcept : record_(&record) {}

    explicit operator bool() const noexcept { return record_ != nullptr; }
    operator account&() const noexcept { return *record_; }  // NOLINT: who pays, at a call site
    std::uint64_t id() const noexcept { return record_->id(); }
    const std::string& name() const noexcept { return record_->name(); }
    const tenant_usage& usage() const noexcept { return record_->usage; }
    tenant_record& record() const noexcept { return *record_; }
    /// Threads: any.
    void set(const tenant_options& options) const noexcept { record_->set(options); }

    /// Admits a request now, or refuses it with the limit's name and a hint when to retry. Called
    /// by the task that will serve it, it sets that task's birth, deadline and class anew.
    /// Errors: the gate's refusals. Threads: any.
    [[nodiscard]] admission<request_permit> try_admit(
        const admit_options& options = {}) const noexcept {
        return internal::try_admit(*record_, options);
    }
    /// The same, but waits for admission in the order of arrival.
    /// Errors: the refusals that waiting cannot help, refusal_reason::deadline_exceeded and
    ///         refusal_reason::stop_requested.
    [[nodiscard]] internal::admit_awaiter admit(
        const admit_options& options = {},
        std::source_location where = std::source_location::current()) const noexcept {
        return {*record_, options, where};
    }

    friend bool operator==(const tenant&, const tenant&) = default;

  private:
    tenant_record* record_ = nullptr;
};

}  // namespace drama::inline v0
