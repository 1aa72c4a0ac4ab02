// SPDX-License-Identifier: Apache-2.0
// The threads of a simulated world and the order in which they run. Time stands still while a step
// runs and moves when nobody is ready; who of the ready ones comes next, a strategy decides.
//
// Who holds the baton decides who is next, and then:
//  1. next begins a step: any carrier runs it, the present one if its own step has ended.
//  2. next goes on inside a step: the carrier on which it waits gets the baton.
//  3. nobody is next: the owner, who called run(), gets the baton.
// So a step that does not wait costs no switch of OS threads, and one that does costs two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "drama/base/clock.hpp"
#include "drama/base/result.hpp"
#include "drama/fault/fault_plan.hpp"
#include "drama/fault/thread_faults.hpp"
#include "drama/runtime/world/world.hpp"
#include "drama/sim/carrier_threads.hpp"
#include "drama/sim/explore/schedule_strategy.hpp"
#include "drama/sim/internal/carrier.hpp"
#include "drama/sim/internal/event_log.hpp"
#include "drama/sim/internal/event_queue.hpp"
#include "drama/sim/internal/thread_group.hpp"
#include "drama/sim/points/access_points.hpp"
#include "drama/sim/sim_options.hpp"

namespace drama::inline v0::internal {

struct sim_thread;

inline constexpr std::int64_t never_ns = never.time_since_epoch().count();

/// Where a thread waits to be notified; what parkers are made of.
struct wait_point {
    std::uint64_t id = 0;
    bool notified = false;
    bool has_work = false;  ///< also ends a wait; its owner sets and clears it
    sim_thread* waiter = nullptr;

    bool is_due() const noexcept { return notified || has_work; }
};

/// A parker of this world.
class sim_parker : public parker {
  public:
    virtual wait_point& point() noexcept = 0;
};

/// One simulated thread; its event makes it ready.
struct sim_thread : timed_event {
    std::uint64_t id = 0;
    thread_role role{};
    std::unique_ptr<faulty_body> breakable;  ///< around the body that was started
    thread_body* body = nullptr;
    class sim_scheduler* home = nullptr;
    thread_group* group = nullptr;  ///< of a node
    carrier* inside = nullptr;      ///< where it waits in the middle of a step
    wait_point* waits_at = nullptr;
    sim_parker* parked_at = nullptr;  ///< between steps
    std::uint64_t ready_since = 0;    ///< how many choices there were when it became ready
    std::int64_t busy_until_ns = 0;
    std::int64_t cpu_ns = 0;
    std::uint64_t waits = 0;           ///< in the middle of a step
    std::int64_t runs_since_ns = -1;   ///< its step runs, and each look at the clock takes time
    std::int64_t burns_since_ns = -1;  ///< inside spend
    wait_point ended;                  ///< a thread that joins waits here
    bool finished = false;
    bool detached = false;
};

/// What ends a run, besides that nothing more will happen.
struct run_limit {
    std::int64_t until_ns = never_ns;
    const bool* flag = nullptr;         ///< becomes true
    const wait_point* point = nullptr;  ///< becomes due
    bool (*asks)(void*) = nullptr;      ///< says yes; asked before each step
    void* asked = nullptr;
    bool time_passes = true;  ///< though nothing will happen, up to `until_ns`
};

enum class run_end : std::uint8_t { asked, time, idle };

/// Threads: one at a time: the owner, or whoever holds the baton.
class DRAMA_API sim_scheduler {
  public:
    sim_scheduler(std::uint64_t seed, const sim_options& options);
    ~sim_scheduler();
    sim_scheduler(const sim_scheduler&) = delete;
    sim_scheduler& operator=(const sim_scheduler&) = delete;

    /// Readers may move it on.
    std::int64_t* clock_value() noexcept { return &now_ns_; }
    std::int64_t now_ns() const noexcept { return now_ns_; }

    // Threads.

    /// Errors: errc::thread_unavailable beyond threads_max.
    result<sim_thread*> start(thread_role role, thread_body& body, thread_group* in = nullptr);
    /// Waits until the thread has ended, then forgets it.
    void join(sim_thread& thread) noexcept;
    /// Nobody will join it.
    void detach(sim_thread& thread) noexcept;
    /// The thread whose step runs now, or null on the owner.
    sim_thread* current() const noexcept { return current_; }
    std::int64_t cpu_ns(const sim_thread& thread) const noexcept;
    /// None of the group's threads runs any more, not even in the middle of a step.
    void hold(thread_group& group) noexcept;
    /// They go on where they were.
    void let_go(thread_group& group) noexcept;
    void limit_threads(std::size_t most) noexcept { threads_max_ = most; }
    /// From now on every answer is drawn from the seed, unless the strategy is fair by itself: who
    /// waits for another thread's turn gets somewhere.
    void be_fair() noexcept { strategy_ = strategy_->is_fair() ? strategy_ : &own_strategy_; }
    std::size_t alive() const noexcept { return alive_; }
    std::size_t burning_max() const noexcept { return burning_max_; }

    // Waiting. Called inside a step the thread waits there; called by the owner the world runs.

    std::uint64_t next_point_id() noexcept { return ++points_; }
    void notify(wait_point& point) noexcept;
    /// The same for `has_work`. Its event is logged by the caller.
    void wake_waiter(wait_point& point) noexcept;
    /// Until `point` is due or the time has come. Requires: nobody else waits there.
    void wait(wait_point& point, std::int64_t until_ns) noexcept;
    /// What the owner asks before each step while it waits with a timeout; yes: the time has come,
    /// whatever should have happened until then. Null: nothing.
    void set_impatience(bool (*asks)(void*), void* asked) noexcept {
        impatience_ = {.asks = asks, .asked = asked};
    }
    /// Lets virtual time pass inside a step, on the CPU or off it.
    void pass_time(duration length, bool burns) noexcept;
    /// Instrumented code has counted its accesses down: the thread loses its CPU, if it runs code
    /// of a user.
    void pause_at_access() noexcept;
    const access_points& accesses() const noexcept { return accesses_; }

    // What the interposed C library of a test asks for; see machine_calls.

    const sim_options& options() const noexcept { return options_; }
    /// Simulated code called the machine where it must not.
    void report_stray(const char* call, const std::string& where) const noexcept;
    std::int64_t look_at_clock() noexcept { return now_ns_ += options_.clock_tick.count(); }
    /// Waits inside a step at a foreign object until `wake_at` or the time. False: the time came.
    bool wait_at(const void* object, std::int64_t until_ns) noexcept;
    /// Yields how many wake.
    std::size_t wake_at(const void* object, bool all) noexcept;
    /// The simulation that the same thread made before this one and has not ended.
    sim_scheduler* owned_before() const noexcept { return owned_before_; }
    /// For the owner, who finds a lock taken: its holder goes on for a little, the `round`-th time.
    /// False: no simulated thread is in the middle of a step, so none holds it.
    bool let_holder_go_on(int round) noexcept;
    /// Threads that wait so, without a time limit and for `least_ns` already, and are not held.
    std::size_t waiting_at_objects(std::int64_t least_ns) const noexcept;

    // Running, by the owner.

    /// Runs until a limit is met (asked, time), or until nothing will ever happen by itself (idle).
    run_end run(const run_limit& limit) noexcept;
    /// Runs what was picked, on a carrier's thread.
    void carry(carrier& on) noexcept;

    // What happens beside the threads: network and disk.

    void schedule(timed_event& event, std::int64_t at_ns) { events_.schedule(event, at_ns); }
    void cancel(timed_event& event) noexcept { events_.cancel(event); }

    void note(sim_event what, std::uint64_t value) noexcept {
        log_.add(what, current_ == nullptr ? 0 : current_->id, now_ns_, value);
        if (options_.trace != nullptr) [[unlikely]] {
            add_to_trace(what, value);
        }
    }
    event_log& log() noexcept { return log_; }
    /// An operation has brought something.
    void note_delivery() noexcept { ++deliveries_; }
    std::uint64_t deliveries() const noexcept { return deliveries_; }
    /// What breaks in this world. Each fault that fires is an event.
    fault_plan& faults() noexcept { return faults_; }
    std::uint64_t steps() const noexcept { return steps_; }
    /// When the last of what is due until then happens: operations, and threads in the middle of a
    /// step. What a thread between steps waits for is a timer of its runtime, or its own affair.
    std::int64_t last_event_until(std::int64_t most_ns) const noexcept;
    bool has_events() const noexcept { return !events_.empty() || !ready_.empty(); }
    /// What each thread does, one line each.
    std::string describe() const;

  private:
    static void on_due(timed_event& event) noexcept;

    std::int64_t wake_delay_ns(const sim_thread& whose) noexcept {
        return strategy_->delay_ns(schedule_delay::wake, whose, options_.wake_delay);
    }
    /// A thread that waits at a foreign object, on its stack.
    struct object_wait {
        const void* object;
        wait_point point;
        thread_group* group;
        std::int64_t until_ns;
        std::int64_t since_ns;
        bool is_for_one = false;  ///< notified alone: if it cannot go on, somebody else must
    };

    void make_ready_at(sim_thread& thread, std::int64_t at_ns) noexcept;
    sim_thread* pick() noexcept;
    std::size_t choose() noexcept;
    void pass_on_wakes_of(const thread_group& group) noexcept;
    bool is_limit_met() noexcept;
    bool does_owner_say_enough() noexcept;
    bool advance() noexcept;
    void step(sim_thread& thread) noexcept;
    static void run_on(carrier& on, thread_body* body) noexcept;
    void park(sim_thread& thread, instant wake_at) noexcept;
    void end(sim_thread& thread) noexcept;
    void forget(sim_thread& thread) noexcept;
    void wait_inside(sim_thread& self) noexcept;
    void wait_as_owner(wait_point& point, std::int64_t until_ns) noexcept;
    void begin_running(sim_thread& thread) noexcept;
    void end_running(sim_thread& thread) noexcept;
    void pass_to(sim_thread& next) noexcept;
    void add_to_trace(sim_event what, std::uint64_t value) noexcept;
    void stop_in_debugger() const noexcept;
    [[noreturn]] void stop_in_deadlock(const char* what) const noexcept;

    const std::uint64_t seed_;
    const sim_options options_;
    sim_scheduler* owned_before_ = nullptr;  // by the thread that made this one
    std::size_t threads_max_;
    std::unique_ptr<carrier_threads> own_carriers_;
    carrier_threads* carriers_;
    baton owner_turn_;

    std::int64_t now_ns_ = 1'000'000;  // not 0, which is long_ago
    run_limit limit_;
    run_limit impatience_;
    run_end why_ = run_end::idle;
    sim_thread* picked_ = nullptr;   // what the carrier that gets the baton begins with
    sim_thread* current_ = nullptr;  // whose step runs
    carrier* carrying_ = nullptr;    // where; null: the owner

    event_queue events_;
    std::vector<sim_thread*> ready_;
    std::vector<object_wait*> object_waits_;  // the longest first
    std::uint64_t choices_ = 0;
    std::uint64_t looks_at_choice_ = 0;  // when somebody may have been passed over too often
    bool is_running_ = false;            // the owner is inside run()
    std::vector<std::unique_ptr<sim_thread>> threads_;
    struct passing_time final : fault_time {
        explicit passing_time(sim_scheduler& scheduler) noexcept : in(&scheduler) {}
        void pass(duration length, bool burns) noexcept override { in->pass_time(length, burns); }
        sim_scheduler* in;
    };

    fault_plan faults_;
    passing_time fault_time_{*this};
    const fault_context fault_context_{.plan = &faults_, .time = &fault_time_};
    random_walk own_strategy_;
    schedule_strategy* strategy_;
    event_log log_;
    access_points accesses_;

    std::size_t alive_ = 0;
    std::size_t waiting_inside_ = 0;  // threads in the middle of a step
    std::size_t burning_ = 0;
    std::size_t burning_max_ = 0;
    std::uint64_t thread_ids_ = 0;
    std::uint64_t points_ = 0;
    std::uint64_t steps_ = 0;
    std::uint64_t deliveries_ = 0;
};

/// The scheduler that runs the calling OS thread, or null.
[[nodiscard]] sim_scheduler* scheduler_of_this_thread() noexcept;
/// The newest that the calling OS thread has made and not ended, or null.
[[nodiscard]] sim_scheduler* scheduler_owned_by_this_thread() noexcept;

}  // namespace drama::inline v0::internal
