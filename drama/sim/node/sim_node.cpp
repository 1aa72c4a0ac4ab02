// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/node/sim_node.hpp"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "drama/base/assert.hpp"
#include "drama/runtime/engine.hpp"
#include "drama/sim/disk/internal/sim_files.hpp"
#include "drama/sim/process/internal/signal_queue.hpp"
#include "drama/sim/simulation.hpp"

namespace drama::inline v0 {
namespace {

void apply(const compute_law& law, internal::thread_group& to) {
    to.cost_percent = law.cost_percent;
    to.stolen_one_in = law.stolen_one_in;
    to.stolen = law.stolen;
    to.step_cost[static_cast<std::size_t>(thread_role::compute)] = law.compute_call;
    to.step_cost[static_cast<std::size_t>(thread_role::blocking)] = law.blocking_call;
    to.has_costs = law.cost_percent != 100 || law.stolen_one_in != 0 ||
                   law.compute_call.most > duration::zero() ||
                   law.blocking_call.most > duration::zero();
}

}  // namespace

sim_node::sim_node(simulation& in, std::string name, std::uint64_t seed, sim_node_options options)
    : in_(in),
      name_(std::move(name)),
      seed_(seed),
      options_(std::move(options)),
      wall_(in.world().scheduler().clock_value()) {
}

sim_node::~sim_node() {
    for (auto& each : lives_) {
        if (each->rt != nullptr) {
            in_.unwatch(*each->rt);
        }
    }
}

std::string sim_node::start() {
    if (is_worn_out()) {
        return "node '" + name_ + "' was started " + std::to_string(lives_.size()) +
               " times, which is its lives_max";
    }
    if (!std::exchange(is_clock_set_, true)) {
        wall_.set_by(options_.wall_offset);
        wall_.drift(options_.wall_drift_ppm);
    }
    sim_network& network = in_.network();
    internal::sim_process& process = network.start_process(network.add_node(name_));
    process.fds_max = options_.fds_max;
    auto made = std::make_unique<life>();
    made->disk_life = in_.world().disk(name_).files().life();
    made->world = std::make_unique<internal::node_world>(
        in_.world(), process, wall_,
        internal::node_world::limits{.cpus = options_.cpus, .threads_max = options_.threads_max},
        seed_ + lives_.size());
    apply(options_.compute, made->world->threads());
    runtime_options choice = options_.runtime;
    if (!choice.log) {
        choice.log = [](const std::string&) {};
    }
    made->rt = std::make_unique<runtime>(*made->world, std::move(choice));
    lives_.push_back(std::move(made));
    runtime& rt = *lives_.back()->rt;
    if (auto started = rt.start(); !started) {
        state_ = state::stopped;
        return "node '" + name_ + "' did not start: " + started.error().message();
    }
    state_ = state::running;
    in_.watch(rt);
    std::string first_error;
    for (sim_program* const each : programs_) {
        if (auto error = each->start_on(rt); !error.empty() && first_error.empty()) {
            first_error = "a program of node '" + name_ + "' was refused: " + error;
        }
    }
    return first_error;
}

runtime& sim_node::rt() {
    if (state_ == state::fresh) {
        error_ = start();
    }
    return *lives_.back()->rt;
}

std::string sim_node::add(sim_program& program) {
    programs_.push_back(&program);
    return is_up() ? program.start_on(*lives_.back()->rt) : std::string();
}

void sim_node::on_power_loss(std::function<void()> call) {
    in_.world().disk(name_).on_crash([this, call = std::move(call)] {
        if (is_up()) {
            call();
        }
    });
}

bool sim_node::is_disk_past(const life& one) const noexcept {
    return in_.world().disk(name_).files().life() != one.disk_life;
}

bool sim_node::is_power_gone() const noexcept {
    return is_up() && is_disk_past(*lives_.back());
}

void sim_node::kill(bool power_fails) noexcept {
    if (!is_up()) {
        return;
    }
    life& last = *lives_.back();
    state_ = state::dead;
    last.world->threads().is_dead = true;
    in_.world().scheduler().hold(last.world->threads());
    if (sim_disk& disk = in_.world().disk(name_); !is_disk_past(last)) {
        power_fails ? disk.crash() : disk.end_process();
    }
    in_.network().kill(last.world->process(), power_fails);
    in_.unwatch(*last.rt);
    in_.world().census().leave_out(last.rt->handle().get());
    last.is_dead = true;
}

void sim_node::take_signal(int number) noexcept {
    DRAMA_ASSERT(number >= 1 && number <= 64, "there is no signal of that number");
    if (!is_up()) {
        return;
    }
    if (number == SIGCONT) {
        resume();
    }
    const bool is_unread = internal::raise_signal(lives_.back()->world->process(), number);
    if (number == SIGSTOP ||
        (is_unread && (number == SIGTSTP || number == SIGTTIN || number == SIGTTOU))) {
        pause();
    } else if (is_unread) {
        kill(false);
    }
}

void sim_node::pause() noexcept {
    if (state_ == state::running) {
        in_.world().scheduler().hold(lives_.back()->world->threads());
        state_ = state::paused;
    }
}

void sim_node::resume() noexcept {
    if (state_ == state::paused) {
        in_.world().scheduler().let_go(lives_.back()->world->threads());
        state_ = state::running;
    }
}

constinit std::atomic<sim_node::life*> sim_node::abandoned_last{nullptr};

// Its threads still speak of it: it stays for ever.
void sim_node::abandon(std::unique_ptr<life>& one) noexcept {
    life* const kept = one.release();
    kept->abandoned_before = abandoned_last.load(std::memory_order_relaxed);
    while (!abandoned_last.compare_exchange_weak(kept->abandoned_before, kept)) {
    }
}

std::string sim_node::stop() {
    if (!is_up()) {
        return {};
    }
    resume();
    life& last = *lives_.back();
    state_ = state::stopped;
    const auto stopped = last.rt->stop();
    if (stopped) {
        return {};
    }
    in_.unwatch(*last.rt);
    abandon(lives_.back());
    lives_.pop_back();
    return "node '" + name_ + "' did not stop: " + stopped.error().message();
}

void sim_node::bury() noexcept {
    for (auto& each : lives_) {
        if (!std::exchange(each->is_dead, false)) {
            continue;
        }
        each->world->threads().is_dead = false;
        in_.world().scheduler().let_go(each->world->threads());
        if (!each->rt->stop()) {
            abandon(each);
        }
    }
    std::erase(lives_, nullptr);
}

bool sim_node::finds_awaited() const noexcept {
    const auto found = std::ranges::find_if(programs_, &sim_program::is_awaited);
    awaited_ = found == programs_.end() ? nullptr : *found;
    return awaited_ != nullptr;
}

std::size_t sim_node::unfinished() const noexcept {
    if (!is_up() && state_ != state::fresh) {
        return 0;
    }
    return static_cast<std::size_t>(std::ranges::count_if(
        programs_, [](const sim_program* each) { return each->is_awaited(); }));
}

}  // namespace drama::inline v0
