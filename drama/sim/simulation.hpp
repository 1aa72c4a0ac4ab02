// SPDX-License-Identifier: Apache-2.0
// One simulated run: a world made from a seed, the runtimes in it, and the verdict when nothing
// moves any more.
//
//     simulation sim(seed_or(1));
//     runtime rt(sim.world());
//     sim.watch(rt);
//     ... rt.start(), rt.try_spawn(...) ...
//     EXPECT_TRUE(sim.run_to_end());
//     EXPECT_TRUE(rt.stop());
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "drama/sim/oracle/verdict.hpp"
#include "drama/sim/seed.hpp"
#include "drama/sim/sim_world.hpp"

namespace drama::inline v0 {

class runtime;

/// Threads: the one that made it. Lifetime: simulations of one thread end in the reverse order of
/// their making. Determinism: as sim_world.
class DRAMA_API simulation {
  public:
    explicit simulation(std::uint64_t seed, const sim_options& options = {});
    simulation(const simulation&) = delete;
    simulation& operator=(const simulation&) = delete;

    /// Where runtimes are made: `runtime rt(sim.world());`. They end before the simulation does.
    sim_world& world() noexcept { return world_; }
    sim_network& network() noexcept { return world_.network(); }
    sim_network& net() noexcept { return world_.network(); }
    fault_plan& faults() noexcept { return world_.faults(); }
    sim_disk& disk() noexcept { return world_.disk(); }
    /// Looking at it here costs no time.
    instant now() const noexcept { return world_.now(); }
    std::uint64_t seed() const noexcept { return seed_; }
    /// "DRAMA_SEED=...", for messages: `EXPECT_TRUE(x) << sim.replay();`.
    std::string replay() const { return replay_line(seed_); }

    /// Counts the tasks of `rt` from now on. Lifetime: `rt` outlives the last run.
    void watch(runtime& rt) { watched_.push_back(&rt); }
    /// Counts them no longer.
    void unwatch(runtime& rt) { std::erase(watched_, &rt); }

    /// Runs until no task of the watched runtimes is left, then checks that they have given
    /// everything back.
    ///
    /// False: nothing will ever happen again, or `longest` has passed, and tasks are left; or there
    /// are leftovers. Then the verdict and how to replay it stand on stderr.
    [[nodiscard]] bool run_to_end(duration longest = std::chrono::hours(1));
    /// The same, but says what is wrong instead of printing it.
    [[nodiscard]] verdict run_to_verdict(duration longest = std::chrono::hours(1));
    /// Why the tasks that are left will never end. Requires: run_until_idle has returned, or a run
    /// has ended because nothing will ever happen again.
    [[nodiscard]] verdict judge();
    /// Runs until nothing will ever happen by itself. Servers that wait for clients are left then.
    void run_until_idle() noexcept { world_.run_until_idle(); }
    /// Lets `length` of virtual time pass.
    void run_for(duration length) noexcept { world_.run_for(length); }

    /// Over every event so far, in order: threads' steps, wake-ups, operations, notes.
    std::uint64_t event_hash() const noexcept { return world_.event_hash(); }
    void note(std::uint64_t value) noexcept { world_.note(value); }

    /// Of the watched runtimes.
    std::int64_t tasks_alive() const noexcept;
    /// When the last of what is due until `most` happens by itself: timers of the watched runtimes,
    /// threads, operations. long_ago if nothing is.
    instant last_due(instant most) const noexcept;
    /// Tasks, armed timers and operations in flight of the watched runtimes, and open descriptors
    /// of the world: "2 timers, 1 descriptors"; empty if there are none.
    std::string leftovers();
    /// Bytes of coroutine frames that live in the watched runtimes. Join handles keep some of the
    /// tasks that have ended.
    std::int64_t unreturned_frame_bytes() const;

  private:
    const std::uint64_t seed_;
    sim_world world_;
    std::vector<runtime*> watched_;
};

/// Where two recorded runs part, in words; empty if they are equal.
DRAMA_API std::string first_difference(const std::vector<sim_event_record>& one,
                                       const std::vector<sim_event_record>& other);

}  // namespace drama::inline v0
