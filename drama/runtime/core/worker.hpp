// SPDX-License-Identifier: Apache-2.0
// The body of a worker thread: one step drains, fires, picks and runs a turn, or finds that there
// is nothing to do. A worker holds a core until it loses it to a hand-over; then it serves demoted
// work.
#pragma once

#include <atomic>
#include <memory>

#include "drama/coro/frame_pool.hpp"
#include "drama/runtime/core/core.hpp"
#include "drama/runtime/core/lost_time.hpp"
#include "drama/runtime/core/ownership.hpp"
#include "drama/runtime/pool/burning_board.hpp"

namespace drama::inline v0::internal {

class engine;

/// Threads: step by its thread; adopt while it is parked without a core; tenure by the watchdog.
class alignas(64) worker final : public thread_body {
  public:
    explicit worker(engine& of) noexcept;
    ~worker() override;

    instant step() noexcept override;
    parker& parked_on() noexcept override;
    void enter_thread() noexcept override;
    void leave_thread() noexcept override;
    bool is_finished() const noexcept override { return finished_.load(std::memory_order_acquire); }

    /// Gives the worker a core before its first step, or while it is a spare.
    void adopt(core& taken) noexcept;
    /// Ends a spare or a demoted worker.
    void ask_to_finish() noexcept;
    void wake_spare() noexcept { own_spot_->unpark(); }

    /// The core that the thread holds; null after a hand-over. Threads: its own.
    core* held() const noexcept { return core_; }
    engine& owner() const noexcept { return *engine_; }
    bool is_demoted() const noexcept { return tenure.is_taken(); }
    bool is_spare() const noexcept {
        return core_to_adopt_.load(std::memory_order_acquire) == nullptr;
    }
    /// Null for a moment after its start, when it may run tasks already. Threads: any, until the
    /// worker is told null, which joins the thread.
    world_thread* thread() const noexcept { return known_thread_.load(std::memory_order_acquire); }
    void set_thread(std::unique_ptr<world_thread> thread) noexcept {
        known_thread_.store(thread.get(), std::memory_order_release);
        thread_ = std::move(thread);
    }

    /// Runs one task in user state. False if the core was lost meanwhile.
    bool poll(runnable& task, trampoline& bottom) noexcept;

    // A task that is polled on the stack of one that waits for it, in the same turn: in this order.
    // The first two in runtime state, the last in user state.

    /// True if `task`, of the running turn's tenant, may be polled now.
    bool may_run_within(const runnable& waiting, runnable& task) noexcept;
    void begin_within(runnable& task) noexcept;
    /// `task` may be gone, and the core lost, afterwards.
    void run_within(runnable& waiting, runnable& task) noexcept;

    ownership tenure;

    // The watchdog's notes about a demoted thread, and the thread's own about what it runs then.
    std::atomic<tenant_record*> burning_for{nullptr};
    std::atomic<std::int64_t> burning_since_ns{0};
    duration cpu_at_demotion{};
    burning_board::place* burns_at = nullptr;
    /// A demoted worker that waits for work; see demoted_team.
    std::atomic<bool> rests{false};

  private:
    friend class runtime_entry;

    void end_taken_turn(core& mine) noexcept;
    instant step_with_core(core& mine) noexcept;
    instant step_without_core() noexcept;
    instant rest_demoted(instant now, bool for_another) noexcept;
    void end_rest() noexcept;
    static void identify(core& mine, const runnable& task) noexcept;
    bool run_turn(core& mine, const turn& granted, instant began) noexcept;
    void end_turn(core& mine, tenant_lanes& lanes, std::uint64_t polls) noexcept;
    runnable* next_in_turn(core& mine, lane_set& lanes, instant now) noexcept;
    void flush_lifo(core& mine, instant now) noexcept;
    void drain_inject(core& mine, instant now) noexcept;
    static turn pick(core& mine, instant now) noexcept;
    bool find_elsewhere(core& mine, instant now) noexcept;
    instant give_way(core& mine, instant now) noexcept;
    void end_giving_way(core& mine, instant now) noexcept;
    instant park(core& mine, instant now) noexcept;
    bool steal(core& mine, instant now) noexcept;
    bool steal_from(core& mine, core& victim, instant now) noexcept;
    static bool steal_lasting(core& mine, core& victim, lane_set& from, tenant_lanes& to,
                              instant now) noexcept;
    void steal_if_more_urgent(core& mine, instant now) noexcept;
    void poll_io(core& mine, instant now) noexcept;
    duration after_hand_over() noexcept;  ///< yields what the poll used since

    engine* engine_;
    core* core_ = nullptr;
    std::atomic<core*> core_to_adopt_{nullptr};
    std::unique_ptr<parker> own_spot_;
    std::unique_ptr<world_thread> thread_;
    std::atomic<world_thread*> known_thread_{nullptr};
    frame_pool frames_;
    lost_time lost_;
    std::atomic<bool> finish_asked_{false};
    std::atomic<bool> finished_{false};
    bool searching_ = false;
    std::uint32_t turns_ = 0;
    instant idle_since_ = long_ago;
    bool is_resting_ = false;
    std::uint64_t polls_within_ = 0;  ///< of the poll that goes on
    std::uint64_t waited_within_ns_ = 0;
};

/// The worker that this thread is, if any. Not inlined: a coroutine may change threads.
[[nodiscard]] worker* current_worker() noexcept;

/// Marks the calling thread as inside the runtime for as long as it stands; nests. `held()` is the
/// core that it may touch, or null on foreign and demoted threads.
class runtime_entry {
  public:
    explicit runtime_entry(const engine& of) noexcept;
    ~runtime_entry() {
        if (left_user_code_) {
            worker_->tenure.leave();
        }
    }
    runtime_entry(const runtime_entry&) = delete;
    runtime_entry& operator=(const runtime_entry&) = delete;

    core* held() const noexcept { return worker_ == nullptr ? nullptr : worker_->held(); }
    worker* who() const noexcept { return worker_; }

  private:
    worker* worker_;
    bool left_user_code_ = false;
};

}  // namespace drama::inline v0::internal
