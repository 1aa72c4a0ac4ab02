// SPDX-License-Identifier: Apache-2.0
// One machine of a simulated world: its programs, what it has of CPUs, descriptors and threads, its
// wall clock, and its lives: it is started, paused, killed and started again.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "drama/base/export.hpp"
#include "drama/runtime/world/wall_time.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/internal/sim_wall_clock.hpp"
#include "drama/sim/node/node_world.hpp"
#include "drama/sim/node/sim_program.hpp"
#include "drama/sim/sim_options.hpp"

namespace drama::inline v0 {

class simulation;

/// How long CPU time takes on a node, beside what its code declares with `sim::spend`.
struct compute_law {
    /// 100: as declared; 300: on a core that is three times as slow.
    std::int64_t cost_percent = 100;
    /// One piece of CPU time in so many loses `stolen` to another guest of the host; 0: none.
    std::uint32_t stolen_one_in = 0;
    duration_range stolen{};
    /// What every compute or blocking function costs that declares nothing; zero: like a step.
    duration_range compute_call{};
    duration_range blocking_call{};
};

/// What a node is like. Holds from its next start on.
struct sim_node_options {
    std::size_t cpus = 2;
    std::size_t fds_max = 100'000;
    std::size_t threads_max = 10'000;  ///< alive at once
    std::size_t lives_max = 1'000;     ///< starts; what is left of each stays until the world ends
    compute_law compute;
    duration wall_offset{};           ///< of its wall clock from the true time
    std::int64_t wall_drift_ppm = 0;  ///< how much faster it runs
    /// Of the runtime on it. Without a log of its own it logs nothing.
    runtime_options runtime;
};

/// Threads: the owner of the world, while it does not run.
class DRAMA_API sim_node {
  public:
    enum class state : std::uint8_t { fresh, running, paused, dead, stopped };

    sim_node(simulation& in, std::string name, std::uint64_t seed, sim_node_options options);
    ~sim_node();
    sim_node(const sim_node&) = delete;
    sim_node& operator=(const sim_node&) = delete;

    const std::string& name() const noexcept { return name_; }
    sim_node_options& options() noexcept { return options_; }
    state now_is() const noexcept { return state_; }
    /// How often it was started.
    std::size_t lives() const noexcept { return lives_.size(); }
    /// It has had lives_max, and does not start again.
    bool is_worn_out() const noexcept {
        return !lives_.empty() && lives_.size() >= options_.lives_max;
    }

    /// What its wall clock says, and how much it is set forward (or back) now.
    wall_instant wall_now() noexcept { return wall_.read(); }
    void step_wall_clock(duration by) noexcept { wall_.set_by(by); }

    /// The runtime of its present life; a node that is fresh starts now.
    /// Requires: the node is not dead.
    runtime& rt();
    tenant_registry& tenants() { return rt().tenants(); }

    // For sim_test_world, which is the way to these.

    /// Runs it from the next start on; from now on if the node is up. The error, or nothing.
    std::string add(sim_program& program);
    bool is_up() const noexcept { return state_ == state::running || state_ == state::paused; }
    /// Starts a runtime and its programs. The error in words, or nothing.
    std::string start();
    /// The error of a start that `rt` brought about.
    std::string take_error() { return std::exchange(error_, {}); }
    /// Ends it without warning: nothing of it ever runs again until `bury`. With `power_fails` its
    /// disk loses what was not synced.
    void kill(bool power_fails) noexcept;
    /// Called when its disk has crashed by itself; what it runs on is gone, and so must it be.
    void on_power_loss(std::function<void()> call);
    /// Its disk has crashed, and it runs on until it is killed.
    bool is_power_gone() const noexcept;
    /// A signal comes to its process; one that nobody reads may end it.
    void take_signal(int number) noexcept;
    void pause() noexcept;
    void resume() noexcept;
    /// Stops it in order. The error in words, or nothing.
    std::string stop();
    /// Lets what is left of killed lives end, cut off from everything, so that nothing leaks.
    void bury() noexcept;
    /// Programs that have to end and have not.
    std::size_t unfinished() const noexcept;
    /// Whether there are any. Asked before each step: remembers the one that it found.
    bool has_unfinished() const noexcept {
        if (!is_up() && state_ != state::fresh) {
            return false;
        }
        return (awaited_ != nullptr && awaited_->is_awaited()) || finds_awaited();
    }
    const std::vector<sim_program*>& programs() const noexcept { return programs_; }

  private:
    struct life {
        std::unique_ptr<internal::node_world> world;
        std::unique_ptr<runtime> rt;
        std::uint64_t disk_life = 0;  ///< of the disk's processes, which it belongs to
        bool is_dead = false;
        life* abandoned_before = nullptr;
    };
    static std::atomic<life*> abandoned_last;  ///< so that what stays for ever can be reached
    bool is_disk_past(const life& one) const noexcept;
    bool finds_awaited() const noexcept;
    static void abandon(std::unique_ptr<life>& one) noexcept;

    simulation& in_;
    const std::string name_;
    const std::uint64_t seed_;
    sim_node_options options_;
    internal::sim_wall_clock wall_;
    bool is_clock_set_ = false;
    std::string error_;
    state state_ = state::fresh;
    std::vector<sim_program*> programs_;
    mutable const sim_program* awaited_ = nullptr;  // of programs_, when it was last looked for
    std::vector<std::unique_ptr<life>> lives_;
};

}  // namespace drama::inline v0
