// SPDX-License-Identifier: Apache-2.0
// The thread that watches the others: takes cores away from tasks that hog them, names stalls, and
// lets pools grow when nothing moves. It needs no worker, takes no lock that a worker holds while
// it runs user code, and sleeps while no user code runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "drama/runtime/world/world.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0::internal {

struct core;
class engine;
class worker;

/// Threads: step by its own thread; the rest from any.
class watchdog final : public thread_body {
  public:
    explicit watchdog(engine& of);

    instant step() noexcept override;
    parker& parked_on() noexcept override { return *spot_; }
    bool is_finished() const noexcept override { return finished_.load(std::memory_order_acquire); }
    void enter_thread() noexcept override;
    void leave_thread() noexcept override;
    /// Whose watchdog the calling thread is; null: nobody's.
    static const engine* watched_here() noexcept;

    /// Called when user code is about to run: wakes the watchdog if it sleeps. Cost: one load.
    void note_activity() noexcept {
        if (asleep_.load(std::memory_order_relaxed)) [[unlikely]] {
            wake();
        }
    }
    void wake() noexcept;
    void ask_to_finish() noexcept {
        finish_asked_.store(true, std::memory_order_release);
        wake();
    }
    void set_thread(std::unique_ptr<world_thread> thread) noexcept { thread_ = std::move(thread); }

    std::uint64_t hand_overs() const noexcept {
        return hand_overs_.load(std::memory_order_relaxed);
    }
    /// Stalls that came too fast to be described; they are counted as all others.
    std::uint64_t stalls_not_described() const noexcept {
        return stalls_not_described_.load(std::memory_order_relaxed);
    }
    std::uint64_t stalls() const noexcept { return stalls_.load(std::memory_order_relaxed); }

  private:
    /// What the last tick saw on one core.
    struct observation {
        std::uint64_t sequence = 0;
        instant since = long_ago;
        bool reported = false;
        instant stack_asked = long_ago;
        instant cpu_read_at = long_ago;  ///< the second tick that saw it
        duration cpu{};                  ///< the holder's CPU time then
    };

    /// A thread that was demoted in the middle of a poll, until the poll ends.
    struct burner {
        worker* who = nullptr;
        tenant_record* tenant = nullptr;
        const char* name = "";
        task_site site;
        instant since = long_ago;
        bool counted = false;
        bool reported = false;
        instant stack_asked = long_ago;
    };

    bool watch_core(core& watched, observation& seen, instant now) noexcept;
    void look_whether_still(const core& watched, const worker* holder, observation& seen,
                            instant now) noexcept;
    bool is_task_kept(const core& watched, std::uint64_t sequence) const noexcept;
    void free_kept_tasks(core& watched, worker& holder) noexcept;
    bool is_due(const worker& holder, duration lasted, instant now,
                const observation& seen) const noexcept;
    bool has_burned(duration cpu, instant now, const observation& seen) const noexcept;
    bool hand_over(core& watched, worker& holder, instant now, const observation& seen) noexcept;
    void watch_burners(instant now) noexcept;
    void watch_pools(instant now) noexcept;
    void watch_demoted(instant now) noexcept;
    void keep_cpus_alert(bool wanted, instant now) noexcept;
    bool describe_stall(const burner& stalled, instant& stack_asked, bool is_over,
                        instant now) noexcept;
    void report_stall(const burner& stalled, std::span<void* const> stack, instant now) noexcept;

    engine* engine_;
    std::unique_ptr<parker> spot_;
    std::unique_ptr<world_thread> thread_;
    std::vector<observation> seen_;
    std::vector<burner> burners_;
    instant last_activity_ = long_ago;
    instant pools_seen_ = long_ago;
    instant burners_sought_ = long_ago;
    std::uint64_t demoted_popped_ = 0;        // as last seen
    instant demoted_still_since_ = long_ago;  // none began since; long_ago: none waits
    bool cpus_alert_ = false;
    instant alert_wanted_ = long_ago;
    bool is_task_kept_ = false;   // behind a poll that was new to this tick
    bool is_core_still_ = false;  // one that is not parked has not moved since the last tick
    instant reports_counted_ = long_ago;
    int reports_ = 0;  // since then
    std::atomic<bool> asleep_{false};
    std::atomic<bool> finish_asked_{false};
    std::atomic<std::uint64_t> hand_overs_{0};
    std::atomic<std::uint64_t> stalls_{0};
    std::atomic<std::uint64_t> stalls_not_described_{0};
    std::atomic<bool> finished_{false};
};

}  // namespace drama::inline v0::internal
