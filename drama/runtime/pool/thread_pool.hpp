// SPDX-License-Identifier: Apache-2.0
// Threads that run functions of many tenants in fair order: the compute pool, the blocking pool and
// the reserved slots of the runtime's own IO. The order is pool_order's: charged at the start with
// what a call should cost, settled with what it did.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "drama/base/result.hpp"
#include "drama/runtime/pool/burning_board.hpp"
#include "drama/runtime/pool/cpu_permits.hpp"
#include "drama/runtime/pool/idle_threads.hpp"
#include "drama/runtime/pool/job.hpp"
#include "drama/runtime/pool/sleeping_lock.hpp"
#include "drama/runtime/watch/decision_log.hpp"
#include "drama/runtime/world/world.hpp"
#include "drama/sched/pool_order.hpp"

namespace drama::inline v0 {
namespace internal {
class begin_gate;
}

class thread_pool;

/// One thread of a pool.
class pool_thread final : public thread_body, public idle_link<pool_thread> {
  public:
    pool_thread(thread_pool& pool, std::unique_ptr<parker> spot) noexcept
        : pool_(&pool), spot_(std::move(spot)) {}

    instant step() noexcept override;
    parker& parked_on() noexcept override { return *spot_; }
    void enter_thread() noexcept override;
    void leave_thread() noexcept override;
    bool is_finished() const noexcept override { return finished_; }
    thread_pool& owner() const noexcept { return *pool_; }

    /// It runs a function. Threads: its own.
    bool is_in_function() const noexcept { return running_ != nullptr; }
    // What its function waits for; null: nothing that the pool knows. For reports, while it waits.
    const job* waits_for() const noexcept { return waits_for_ != nullptr ? waits_for_ : visits_; }
    const runnable* joins() const noexcept { return joins_; }

  private:
    friend class thread_pool;

    thread_pool* pool_;
    std::unique_ptr<parker> spot_;
    std::unique_ptr<world_thread> thread_;
    // Under the pool's lock, all that follows.
    job* running_ = nullptr;          // innermost: nested calls run inline
    const job* waits_for_ = nullptr;  // of its own pool
    const job* visits_ = nullptr;     // of another
    const runnable* joins_ = nullptr;
    const std::source_location* waits_at_ = nullptr;
    bool finished_ = false;
    bool has_permit_ = false;
    std::uint32_t server_ = 0;  // its index in the pool's order
    pool_grant grant_;          // of the outermost function
    // Of the thread, when that began, or went on. Its own to write.
    std::atomic<duration> cpu_began_{duration::zero()};
    duration cpu_seen_{};  // when it was looked at last
    instant looked_at_ = long_ago;
    instant look_at_ = long_ago;  // when to look next whether it burns
    burning_board::place* burns_at_ = nullptr;
    bool is_demoted_ = false;  // at the lowest priority, which it can not leave: it ends soon
    instant idle_since_ = long_ago;
};

/// Who else wants CPU permits.
class permit_rival {
  public:
    /// True if it has work whose tenant stands before `position`, and will take a permit now.
    virtual bool goes_before(virtual_time position, instant now) noexcept = 0;

  protected:
    ~permit_rival() = default;
};

/// Looks after threads that turn out to burn a CPU where only waiting was expected.
class burner_keeper {
  public:
    /// `thread` burns for `payer` since its clock stood at `cpu`: it goes on at the lowest
    /// priority, and workers leave CPUs for it. Null: it cannot be kept now.
    virtual burning_board::place* begin(tenant_record& payer, world_thread& thread, duration cpu,
                                        instant now) noexcept = 0;
    /// It waits from now on, or has ended, and has used `more` in all. `left` is null for one that
    /// was not found to burn: that is charged all the same.
    virtual void end(burning_board::place* left, tenant_record& payer, duration more) noexcept = 0;

  protected:
    ~burner_keeper() = default;
};

struct pool_options {
    const char* name = "blocking";
    thread_role role = thread_role::blocking;
    queue_id queue = queue_id::blocking;
    policy order = policy::fair;
    bool class_order = true;                 ///< off: inside a tenant, in the order of arrival
    internal::begin_gate* begins = nullptr;  ///< told of each start; null: nobody is
    std::size_t threads_max = 512;
    /// So many of `threads_max` start only functions of tenants under their share, so that a
    /// newcomer need not wait until a function of others ends. Fair order only.
    std::size_t reserved = 0;
    std::size_t overcommit_max = 0;  ///< more threads, for functions that are expected to be short
    cpu_permits* permits = nullptr;  ///< taken while a function runs; null: not needed
    /// Told who runs, so that workers leave CPUs for it; null: nobody is.
    burning_board* board = nullptr;
    /// Asked before a permit is taken; null: nobody. Requires: a board.
    permit_rival* rival = nullptr;
    /// Told of functions that burn, for a pool whose functions need no permit; null: nobody is.
    burner_keeper* keeper = nullptr;
    decision_log* decisions = nullptr;  ///< told of each start that is asked about; may be null
    duration idle_longest = std::chrono::seconds(10);
    /// One line for all payers. A tenant's lanes stand in one pool of a queue only: a second pool
    /// of the same queue must not use them.
    bool has_own_lanes = false;
};

/// What the log says of a wait on a worker at `at`, which is refused.
std::string describe_refused_wait(const std::source_location& at);

/// Threads:  all functions from any thread. Complexity: a lock, O(log tenants) a job.
/// Shutdown: stop() gives up what is queued, waits for nothing; join() ends the threads.
class thread_pool {
  public:
    thread_pool(world& in, const pool_options& options);
    ~thread_pool();
    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;

    /// Queues `work` on its payer's account.
    /// Errors: errc::shutting_down; errc::queue_full - the tenant's blocking_queue limit;
    ///         errc::thread_unavailable - there is no thread and none can be started. Nothing
    ///         changed.
    result<void> submit(job& work) noexcept;

    /// Blocks the calling pool thread until `work` is done: runs it inline if it is still queued
    /// and of the caller's tenant, else lets another thread take the caller's place meanwhile.
    /// A thread of another pool gives its place there to another one meanwhile.
    /// Errors: EDEADLK - waiting would close a cycle, or a task waits, whose worker would stand
    ///         still; the report names the sites. The call goes on then.
    result<void> wait(job& work, const std::source_location& at) noexcept;

    /// What the calling thread of this pool will wait for.
    struct absence {
        const runnable* root = nullptr;
        const job* call = nullptr;  ///< of another pool
    };
    /// It gives its place and its permit to another until end_absence.
    void begin_absence(pool_thread& self, const absence& why) noexcept;
    void end_absence(pool_thread& self) noexcept;

    /// Who is served there takes CPUs from what runs here. Before the first job.
    void look_at(std::vector<const served_ring*> elsewhere) noexcept {
        queue_.holds().look_at(std::move(elsewhere));
    }
    /// The clock of its order. Threads: any.
    const fair_clock& clock() const noexcept { return queue_.clock(); }

    /// Jobs queued and not started. A hint.
    std::size_t queued() const noexcept;
    std::size_t threads() const noexcept { return threads_.load(std::memory_order_relaxed); }
    /// How long the job at the head has waited; zero if somebody is at the queue just now. What the
    /// watchdog watches.
    duration oldest_wait(instant now) noexcept;
    /// As pool_order::hold_so_far.
    hold_watch::judgement hold_so_far(tenant_record& of, instant now) noexcept;
    /// What is queued has waited for long: whatever the functions took before, each now gets a
    /// thread of its own. The watchdog calls it.
    void expect_long() noexcept;

    /// Charges the functions that run for what they have used since. The watchdog calls it.
    /// Complexity: O(threads).
    void refresh_running(instant now) noexcept;
    /// Finds functions that burn a CPU, and tells the keeper. The watchdog calls it.
    /// Complexity: O(1): it goes on where it ended, and reads a few threads' clocks.
    void look_for_burners(instant now) noexcept;

    /// No more work; what is queued completes as given up.
    void stop() noexcept;
    /// The calls that run, with their tenants and sites, each after "; ". For reports.
    std::string running_calls();
    /// Threads that have not ended. After stop() it goes to zero as functions return.
    std::size_t running_threads() noexcept;
    /// Lets threads that are stuck in user code run on by themselves; the pool must then never die.
    void detach_running() noexcept;
    /// Where the tenant stands on the board whose function could start now, or no_deadline.
    virtual_time next_position(instant now) noexcept;
    /// A CPU permit came free: somebody may start.
    void poke() noexcept;

    /// Receives reports of cycles. Set before the first job.
    std::function<void(const std::string&)> report;

    /// The pool thread that this thread is, or null.
    static pool_thread* current() noexcept;

  private:
    friend class pool_thread;

    // Waking or starting a thread costs more than to let one that is awake take such functions in
    // turn.
    static constexpr duration served_in_passing = std::chrono::microseconds(20);

    instant step(pool_thread& self) noexcept;
    job* take(std::unique_lock<sleeping_lock>& lock, pool_thread& self) noexcept;
    void execute(pool_thread& self, job& work) noexcept;
    void count(const job& work, duration used) const noexcept;
    void return_permit_locked(pool_thread& self) noexcept;
    void begin_burning_locked(pool_thread& self, instant now) noexcept;
    void stop_burning(std::unique_lock<sleeping_lock>& lock, pool_thread& self,
                      duration more) noexcept;
    duration read_cpu(pool_thread& self) const noexcept;
    void leave_queue_locked(const job& work) noexcept;
    void note_start_locked(const job& work, instant now) noexcept;
    bool replace_demoted(pool_thread& self) noexcept;
    void look_at_locked(pool_thread& one, instant now) noexcept;
    bool start_thread() noexcept;
    void give_up_queued(std::unique_lock<sleeping_lock>& lock, errc why) noexcept;
    bool is_next_reserved_locked() const noexcept;
    bool wants_thread_locked() const noexcept;
    bool give_place(std::unique_lock<sleeping_lock>& lock) noexcept;
    bool take_permit_locked(instant now) noexcept;
    virtual_time next_position_locked(instant now) noexcept;
    bool is_served_locked() const noexcept;
    /// True for the pool whose functions the watchdog looks after.
    bool is_watched() const noexcept {
        return options_.permits == nullptr && !options_.has_own_lanes;
    }
    std::string describe_cycle_locked(const pool_thread& waiter, const job& work,
                                      const std::source_location& at) const;
    result<void> wait_for_call(pool_thread* mine, job& work,
                               const std::source_location& at) noexcept;
    result<void> wait_running(std::unique_lock<sleeping_lock>& lock, pool_thread* self, job& work,
                              const std::source_location& at) noexcept;
    void run_inline(std::unique_lock<sleeping_lock>& lock, pool_thread& self, job& work) noexcept;
    pool_lanes& lanes_of(tenant_record& record) noexcept;

    world* world_;
    world_mishaps* const mishaps_;
    pool_options options_;
    sleeping_lock lock_;  // guards all that follows up to the atomics
    pool_order queue_;
    tenant_share own_share_;
    pool_lanes own_lanes_{own_share_};  // see pool_options::has_own_lanes
    idle_threads<pool_thread> idle_;
    std::size_t waiting_count_ = 0;  // threads inside wait(): replaced meanwhile
    std::uint32_t next_server_ = 0;
    std::size_t live_ = 0;                   // threads started and not ended
    duration expected_ = served_in_passing;  // what a function takes; long ones count at once
    std::size_t look_from_ = 0;              // of all_: where look_for_burners goes on
    std::size_t permits_missing_ = 0;        // functions running beyond the permits
    bool stopping_ = false;
    std::vector<std::unique_ptr<pool_thread>> all_;
    std::atomic<std::size_t> threads_{0};
};

}  // namespace drama::inline v0
