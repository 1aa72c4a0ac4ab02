// SPDX-License-Identifier: Apache-2.0
// One runtime's machinery: cores, workers, pools, watchdog, and what coroutines and IO ask of them.
// The public face is runtime.hpp.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/watch/task_watcher.hpp"
#include "drama/runtime/core/core.hpp"
#include "drama/runtime/core/demoted_queue.hpp"
#include "drama/runtime/core/demoted_team.hpp"
#include "drama/runtime/core/worker.hpp"
#include "drama/runtime/disk/disk_queue.hpp"
#include "drama/runtime/gate/admission_gate.hpp"
#include "drama/runtime/gate/begin_gate.hpp"
#include "drama/runtime/pool/burning_board.hpp"
#include "drama/runtime/pool/cpu_permits.hpp"
#include "drama/runtime/pool/thread_pool.hpp"
#include "drama/runtime/runtime_options.hpp"
#include "drama/runtime/watch/decision_log.hpp"
#include "drama/runtime/watch/watchdog.hpp"
#include "drama/runtime/world/world.hpp"
#include "drama/tenant/tenant_registry.hpp"

namespace drama::inline v0::internal {

/// Threads: host and io_offloader functions from any thread; start and stop by one foreign thread.
class engine final : public host,
                     public io_offloader,
                     private disk_device,
                     private permit_rival,
                     private burner_keeper {
  public:
    engine(world& in, runtime_options options);
    ~engine();

    /// Errors: no IO, or no thread for the first worker. Nothing runs then.
    result<void> start();
    /// Stops all tasks, waits until they and the pools have ended or `shutdown_deadline` passed.
    /// Errors: errc::deadline_exceeded - something did not end; the log says what; its memory is
    /// kept. errc::would_deadlock - one of its own threads asks, which could not be waited for;
    /// nothing changed.
    result<void> stop() noexcept;
    /// After a stop that failed: lets the threads run on by themselves. The engine must never die
    /// then.
    void detach_threads() noexcept;
    /// Refuses new roots and asks every task to stop; waits for nothing.
    void request_stop() noexcept;
    bool is_running() const noexcept {
        return phase_.load(std::memory_order_acquire) == phase::running;
    }

    // host
    void ready(runnable& task) noexcept override;
    void start(runnable& task) noexcept override;
    void start_root(runnable& task) noexcept override;
    void lend_place(runnable& waiting, runnable& task) noexcept override;
    void ended(runnable& task) noexcept override;
    void yield(runnable& task) noexcept override;
    void renamed(runnable& task) noexcept override;
    instant now() const noexcept override { return clock_.now(); }
    bool arm(timer_node& timer) noexcept override;
    bool disarm(timer_node& timer) noexcept override;
    std::optional<refusal> refuse_root(account& payer) noexcept override;
    std::uint32_t weight_of(const account& payer) const noexcept override;
    void note_throttled(account& payer, duration held, duration of_items) noexcept override;
    std::uint64_t random() noexcept override;
    task_watcher* watcher() const noexcept override { return watcher_; }

    // IO, for the awaiters of runtime/io_await.hpp.
    submission submit(operation& op, std::uint16_t& core_index) noexcept override;
    void cancel(operation& op, std::uint16_t core_index) noexcept override;
    /// Charges the completed `op`. Threads: the one that runs a task of `payer`.
    void charge(account& payer, const operation& op) noexcept;
    void submit_to_disk(disk_request& request, operation& whole, account& payer) noexcept;
    void cancel_in_disk(disk_request& request) noexcept;
    void note_passed_by_disk(const operation& op, account& payer) noexcept;
    bool offload(operation& op, void (*run)(operation&) noexcept) noexcept override;
    io_system& io() noexcept { return *io_; }

    // What the workers and the watchdog use.
    world& where() noexcept { return *world_; }
    const runtime_options& options() const noexcept { return options_; }
    fair_queue& async_queue() noexcept { return async_; }
    std::vector<std::unique_ptr<core>>& cores() noexcept { return cores_; }
    tenant_registry& tenants() noexcept { return tenants_; }
    thread_pool& compute() noexcept { return *compute_; }
    thread_pool& blocking() noexcept { return *blocking_; }
    disk_queue& disk() noexcept { return disk_; }
    demoted_queue& demoted() noexcept { return demoted_; }
    cpu_permits& permits() noexcept { return permits_; }
    burning_board& board() noexcept { return board_; }
    scope_state& roots() noexcept { return roots_; }
    watchdog& guard() noexcept { return *watchdog_; }
    admission_gate& gate() noexcept { return gate_; }
    const admission_gate& gate() const noexcept { return gate_; }
    begin_gate& begins() noexcept { return begins_; }
    decision_log& decisions() noexcept { return decisions_; }
    /// For the log, once somebody asks. Threads: the core's holder.
    void note_picked(const tenant_lanes& lanes, duration waited, instant at) noexcept;
    /// What the saturation is judged by. Threads: any; O(cores) and the pools' locks.
    saturation_signals signals(instant at) noexcept;
    void log(const std::string& line) noexcept;

    /// Threads that burn a CPU outside the workers now.
    std::atomic<std::int32_t> burning{0};
    // Often written: a line of their own.
    alignas(64) std::atomic<std::int32_t> parked_workers{0};
    std::atomic<bool> searching{false};
    /// Wakes one parked worker to look for work, unless one looks already.
    void wake_searcher() noexcept;
    /// The same for one who would take of what waits on `mine`, if that is worth it.
    void ask_for_help(core& mine) noexcept;
    /// Gives a permit back to whoever waits for one.
    void release_permit() noexcept;
    /// The same for a demoted worker, which looks for more demoted work itself.
    void release_permit_of_demoted() noexcept;
    void inject(runnable& task) noexcept;
    core& core_for(const runnable& task) noexcept;

    /// A worker that never lost a core, ready to take one over; null if no thread can be had.
    worker* take_spare() noexcept;
    void return_spare(worker& unused) noexcept;
    void ensure_spare() noexcept;
    /// True if the task must not run on a worker: its site overran before, or its tenant burns
    /// already and no permit is free.
    bool must_run_demoted(tenant_record& payer, runnable& task) noexcept;
    /// Sends the next demoted task, if there is one, to a core after all.
    void free_from_demoted(instant at) noexcept;
    void send_to_demoted(runnable& task) noexcept;
    bool take_permit_for_demoted() noexcept;
    /// True if a compute function that can start now is more due than demoted work. It is told.
    bool does_compute_go_first(instant at) noexcept;
    bool goes_before(virtual_time position, instant at) noexcept override;
    burning_board::place* begin(tenant_record& payer, world_thread& thread, duration cpu,
                                instant at) noexcept override;
    void end(burning_board::place* left, tenant_record& payer, duration more) noexcept override;
    /// True if a burning thread is more due than what waits on `mine`, and no CPU is left for it.
    /// Threads: the core's holder.
    bool must_give_way(core& mine, instant at) noexcept;
    /// Threads burn CPUs outside the workers, or did just now.
    bool is_anything_burning() const noexcept {
        return permits_.is_any_taken() || board_.count() != 0;
    }
    /// A demoted worker that found nothing to do for long may end, if others are left.
    bool retire_demoted(worker& idle) noexcept { return burners_.retire(idle, cpus_); }
    /// A worker has become demoted. Called by the watchdog.
    void add_demoted(worker& burner) noexcept { burners_.add(burner); }
    /// True if one wakes up, or has been woken and is not there yet.
    bool wake_demoted() noexcept { return burners_.wake_one(); }
    void note_risen() noexcept { burners_.note_risen(); }
    std::int64_t tasks_alive() const noexcept;
    bool is_stopping() const noexcept {
        return phase_.load(std::memory_order_acquire) != phase::running;
    }

  private:
    enum class phase : std::uint8_t { made, running, draining, stopped };

    void note_permit_refused(runnable& task, instant at) noexcept;
    void count_start(core& mine, runnable& task) noexcept;
    void note_start(runnable& task) noexcept;
    result<worker*> start_worker(core* first);
    result<void> make_cores();
    bool wait_until_drained() noexcept;
    bool is_own_thread() noexcept;
    std::array<thread_pool*, 4> pools() const noexcept {
        return {compute_.get(), blocking_.get(), files_.get(), names_.get()};
    }
    void stop_pools() noexcept;
    void finish_threads() noexcept;
    std::string describe_leftovers();

    alignas(64) world* world_;
    world_mishaps* const mishaps_;
    runtime_options options_;
    const drama::clock clock_;
    task_watcher* const watcher_;
    const std::size_t cpus_;
    decision_log decisions_;
    admission_gate gate_;
    begin_gate begins_;
    tenant_registry tenants_;
    fair_queue async_;
    disk_queue disk_;
    std::unique_ptr<io_system> io_;
    std::vector<std::unique_ptr<core>> cores_;
    cpu_permits permits_;
    burning_board board_;
    std::unique_ptr<thread_pool> compute_;
    std::unique_ptr<thread_pool> blocking_;
    // The runtime's own threads, so that no blocking function keeps it waiting. Files and names
    // have threads each: a stalled file must not stop lookups, nor a name server that is silent,
    // files.
    std::unique_ptr<thread_pool> files_;
    std::unique_ptr<thread_pool> names_;
    demoted_queue demoted_;
    demoted_team burners_;
    scope_state roots_;
    std::unique_ptr<watchdog> watchdog_;

    std::mutex workers_mutex_;  // guards the three below
    std::vector<std::unique_ptr<worker>> workers_;
    std::vector<std::unique_ptr<worker>> finished_workers_;
    std::vector<worker*> spares_;

    std::mutex log_mutex_;
    spinlock random_lock_;
    prng random_;
    std::atomic<phase> phase_{phase::made};
    std::atomic<std::int64_t> tasks_started_outside_{0};
    std::atomic<std::uint64_t> foreign_ids_{1};
};

}  // namespace drama::inline v0::internal
