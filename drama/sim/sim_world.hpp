// SPDX-License-Identifier: Apache-2.0
// A world in which everything comes from a seed: time, the order of threads, network and disk. The
// runtime on top is the one of production; only what it asks of the world is answered here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drama/fault/fault_plan.hpp"
#include "drama/fault/planned_mishaps.hpp"
#include "drama/runtime/world/world.hpp"
#include "drama/sim/disk/sim_disk.hpp"
#include "drama/sim/internal/event_log.hpp"
#include "drama/sim/internal/sim_wall_clock.hpp"
#include "drama/sim/net/sim_network.hpp"
#include "drama/sim/oracle/task_census.hpp"
#include "drama/sim/process/child_programs.hpp"
#include "drama/sim/sim_options.hpp"

namespace drama::inline v0 {

namespace internal {
class sim_scheduler;
struct sim_process;
struct thread_group;
}  // namespace internal

namespace sim {

/// Says what the code around it costs: `length` of CPU time passes while other threads run. So a
/// compute function, a hog or a blocking call takes time although nothing is measured.
///
/// Outside a simulation it does nothing: there the code costs what it costs.
/// Threads: any. Determinism: virtual time only.
DRAMA_API void spend(duration length) noexcept;

/// The same off the CPU: what a blocking system call would wait for.
DRAMA_API void block(duration length) noexcept;

}  // namespace sim

/// world whose threads are steps in one loop. The owner, who made it, lets it run; parking and
/// joining by the owner let it run too.
///
/// Threads: the owner and the simulated threads; no other. Worlds of one owner may live side by
/// side; they end in the reverse order of their making.
/// Determinism: the same seed, options and program give the same run, event by event.
class DRAMA_API sim_world final : public world {
  public:
    explicit sim_world(std::uint64_t seed, const sim_options& options = {});
    /// Requires: the runtimes made on it have ended.
    ~sim_world() override;

    const drama::clock& clock() const noexcept override { return clock_; }
    std::uint64_t seed() noexcept override { return seed_; }
    std::size_t usable_cpus() const noexcept override { return options_.cpus; }
    result<std::unique_ptr<world_thread>> start_thread(thread_role role,
                                                       thread_body& body) override;
    /// Zero for the owner.
    duration thread_cpu_time() const noexcept override;
    std::uint64_t thread_waits() const noexcept override;
    std::unique_ptr<parker> make_parker() override;
    /// Requires: `backend` comes from make_io of this world.
    std::unique_ptr<parker> make_core_parker(io_backend& backend) override;
    /// Every choice gives the simulated network and disk.
    result<std::unique_ptr<io_system>> make_io(std::string_view choice, std::string& why) override;
    world_mishaps* mishaps() noexcept override { return &mishaps_; }
    void barrier_all_threads() noexcept override {}
    task_watcher* watcher() noexcept override { return &census_; }

    // For the worlds of its nodes.

    internal::sim_scheduler& scheduler() const noexcept { return *threads_; }
    result<std::unique_ptr<world_thread>> start_thread_in(internal::thread_group& group,
                                                          thread_role role, thread_body& body);
    std::unique_ptr<io_system> make_io_of(internal::sim_process& process);

    // For the owner.

    instant now() const noexcept;
    /// What right wall clocks say: the world began with 2030.
    wall_instant wall_now() const noexcept { return wall_.true_now(); }

    /// Runs until nothing will ever happen again unless the owner does something.
    void run_until_idle() noexcept;
    /// Lets `length` of virtual time pass, whether or not anything happens.
    void run_for(duration length) noexcept;
    /// Runs until `met(with)` says so; it is asked before each step. False: `longest` has passed or
    /// the world became idle before.
    bool run_until(bool (*met)(void*), void* with, duration longest = duration::max()) noexcept;

    /// Asked before each step while the owner waits for something with a timeout, in stop() of a
    /// runtime for instance: yes ends the wait, and its time has passed. Null: nobody is asked.
    void set_impatience(bool (*is_enough)(void*), void* with) noexcept;

    sim_network& network() noexcept { return *network_; }
    sim_network& net() noexcept { return *network_; }
    /// What breaks in this world, when and for whom.
    fault_plan& faults() noexcept;
    /// From now on nothing breaks and no schedule is unfair: who goes on comes to its end.
    void calm_down() noexcept;
    /// The disk of a machine, made when it is first asked for; without a name that of make_io.
    sim_disk& disk(std::string_view machine = {});
    /// The IO of a runtime on a machine of its own: its addresses, which its name resolves to, and
    /// its disk. Without a name as make_io.
    std::unique_ptr<io_system> make_io_at(std::string machine);
    /// What its nodes can start as children.
    child_programs& children() noexcept { return children_; }
    /// Who lives here, and what each task waits for and holds.
    task_census& census() noexcept { return census_; }
    /// Tasks that ended, items and bytes that arrived: as long as it grows, the run gets somewhere.
    std::uint64_t progress_marks() const noexcept;
    /// Further threads beyond `most` (counted from the first on) are refused.
    void fail_threads_after(std::size_t most) noexcept;

    /// Over every event so far, in order.
    std::uint64_t event_hash() const noexcept;
    std::uint64_t events() const noexcept;
    std::uint64_t steps() const noexcept;
    /// Something will still happen by itself.
    bool has_events() const noexcept;
    /// Makes `value` part of the event hash. Threads: also simulated ones.
    void note(std::uint64_t value) noexcept;
    /// All events, if the options asked to keep them.
    const std::vector<sim_event_record>& kept_events() const noexcept;
    /// Most threads that were inside `spend` at once.
    std::size_t burning_max() const noexcept;
    /// What each thread does now, one line each.
    std::string describe_threads() const;

  private:
    const std::uint64_t seed_;
    const sim_options options_;
    std::unique_ptr<internal::sim_scheduler> threads_;
    internal::sim_wall_clock wall_;  // of runtimes that are on no node
    planned_mishaps mishaps_;
    std::map<std::string, std::unique_ptr<sim_disk>, std::less<>> disks_;
    child_programs children_;
    std::shared_ptr<sim_network> network_;
    drama::clock clock_;
    task_census census_;
};

}  // namespace drama::inline v0
