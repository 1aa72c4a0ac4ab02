// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/node/sim_test_world.hpp"

#include <algorithm>
#include <ranges>

namespace drama::inline v0 {
namespace {

// Streams of their own, so that what a test draws leaves the schedule alone.
constexpr std::uint64_t test_stream = 0x746573742064726aULL;
constexpr std::uint64_t node_stream = 0x6e6f646573206e64ULL;

}  // namespace

sim_test_world::sim_test_world(const sim_test_setup& setup)
    : setup_(setup),
      sim_(setup.seed, telling_strays(setup.world)),
      random_(setup.seed ^ test_stream),
      node_seeds_(setup.seed ^ node_stream),
      watch_(setup.patience) {
    sim_.network().options() = setup.network;
}

sim_options sim_test_world::telling_strays(sim_options options) {
    if (!options.on_stray) {
        options.on_stray = [this](const std::string& what) { fail("stray", what); };
    }
    return options;
}

sim_test_world::~sim_test_world() {
    if (!std::exchange(finishing_, true)) {
        stop_nodes();
        bury_nodes();
    }
    // A descriptor in one of them closes itself: in a runtime that has stopped, but stands.
    while (!kept_.empty()) {
        kept_.pop_back();
    }
}

sim_node& sim_test_world::node(std::string_view name) {
    const auto known = std::ranges::find(nodes_, name, &sim_node::name);
    if (known != nodes_.end()) {
        return *known;
    }
    sim_node_options options;
    options.cpus = setup_.world.cpus;
    options.runtime = setup_.runtime;
    const auto most = static_cast<std::uint64_t>(setup_.wall_skew_max.count());
    if (most != 0) {
        options.wall_offset = duration(node_seeds_.below(2 * most + 1)) - setup_.wall_skew_max;
    }
    static_cast<void>(
        sim_.network().add_node(std::string(name)));  // others may ask for it before it starts
    sim_node& made =
        nodes_.emplace_back(sim_, std::string(name), node_seeds_.next(), std::move(options));
    made.on_power_loss([this, where = std::string(name)] { ask(act::lose_power, where); });
    return made;
}

sim_program& sim_test_world::add(sim_program::description what, sim_program::starter start) {
    what.number = programs_.size();
    what.is_left_out = std::ranges::binary_search(setup_.left_out, what.number);
    sim_node& home = node(what.node);
    sim_program& made = programs_.emplace_back(std::move(what), std::move(start));
    if (auto error = home.add(made); !error.empty() && !may_be_refused()) {
        fail("refused", "a program of node '" + home.name() + "' was refused: " + error);
    }
    return made;
}

std::size_t sim_test_world::capacity(std::size_t most) {
    const std::uint64_t drawn = random_.next();
    std::size_t chosen = 1 + drawn / 4 % most;
    if (drawn % 4 == 0) {
        chosen = 1;
    } else if (drawn % 4 == 1) {
        chosen = std::min<std::size_t>(2, most);
    }
    return setup_.capacity_max == 0 ? chosen : std::min(chosen, setup_.capacity_max);
}

void sim_test_world::after(duration length, std::function<void()> what) {
    scripted added{saturating_add(now(), length), ++scripted_, std::move(what)};
    const auto is_later = [](const scripted& one, const scripted& other) {
        return one.at != other.at ? one.at > other.at : one.order > other.order;
    };
    script_.insert(std::ranges::upper_bound(script_, added, is_later), std::move(added));
}

void sim_test_world::fail(std::string word, std::string what) {
    if (verdict_.holds()) {
        verdict_.word = std::move(word);
        verdict_.what = std::move(what);
        verdict_.step = sim_.world().steps();
        verdict_.at = sim_.now();
    }
}

void sim_test_world::ask(act what, std::string_view on, int number) {
    request asked{what, std::string(on), number};
    if (std::ranges::find(nodes_, asked.node, &sim_node::name) == nodes_.end()) {
        fail("refused", "there is no node '" + asked.node + "'");
    } else if (runs_) {
        requests_.push_back(std::move(asked));
    } else if (performs_ == nullptr) {
        start_nodes();
        perform(asked);
    } else if (!(asked == *performs_ && what == act::restart)) {  // else it is about to start
        requests_.push_back(std::move(asked));
    }
}

void sim_test_world::perform(const request& asked) {
    sim_node& on = node(asked.node);
    note(static_cast<std::uint64_t>(asked.what) << 56 ^ on.lives());
    has_killed_ = has_killed_ || (asked.what != act::pause && asked.what != act::resume);
    performs_ = &asked;  // what its crash asks for comes after it
    switch (asked.what) {
        case act::lose_power:
            if (on.is_power_gone()) {
                on.kill(true);
            }
            break;
        case act::kill:
            on.kill(true);
            break;
        case act::end_process:
            on.kill(false);
            break;
        case act::restart:
            on.kill(true);
            start_again(on);
            break;
        case act::pause:
            has_paused_ = true;
            on.pause();
            break;
        case act::resume:
            on.resume();
            break;
        case act::signal:
            on.take_signal(asked.number);
            break;
    }
    performs_ = nullptr;
}

void sim_test_world::start_again(sim_node& on) {
    const bool is_excused = may_be_refused() && !on.is_worn_out();
    if (auto error = on.start(); !error.empty() && !is_excused) {
        fail("refused", std::move(error));
    }
}

// Where threads or memory fail on purpose, not everything starts.
bool sim_test_world::may_be_refused() noexcept {
    return !sim_.faults().is_empty() || survives_.contains(fault_kind::thread_unavailable);
}

void sim_test_world::start_nodes() {
    for (sim_node& each : nodes_) {
        if (each.now_is() == sim_node::state::fresh) {
            static_cast<void>(each.rt());
        }
        if (auto error = each.take_error(); !error.empty() && !may_be_refused()) {
            fail("refused", std::move(error));
        }
    }
}

bool sim_test_world::is_done() noexcept {
    if (!script_.empty() || !requests_.empty() ||
        (awaited_ != nullptr && awaited_->has_unfinished())) {
        return false;
    }
    const auto found = std::ranges::find_if(nodes_, &sim_node::has_unfinished);
    awaited_ = found == nodes_.end() ? nullptr : &*found;
    return awaited_ == nullptr;
}

bool sim_test_world::is_wrong() {
    for (const check& each : always_) {
        if (!each()) {
            fail("invariant", "what must always hold does not");
        }
    }
    ask_expectations();
    if (is_stuck()) {
        fail("livelock", "things happen, and nothing comes of it");
    }
    if (setup_.steps_max != 0 && sim_.world().steps() > setup_.steps_max) {
        fail("given_up", "it takes too many steps");
    }
    for (const sim_program* const each : strict_) {
        if (each->has_ended() && !each->error().empty()) {
            fail("error", "a program of node '" + each->what().node + "' failed: " + each->error());
        }
    }
    return !verdict_.holds();
}

// Before it says so, faults have ended and the run had time to recover.
bool sim_test_world::is_stuck() noexcept {
    const auto found = watch_.look(sim_.world().progress_marks(), sim_.world().steps(), now());
    if (found == livelock_watch::finding::calm_down) {
        sim_.world().calm_down();
        const instant most = watch_.horizon(now());
        instant due = sim_.last_due(most);
        for (const scripted& each : script_) {
            due = each.at <= most ? std::max(due, each.at) : due;
        }
        watch_.wait_until(due);
    }
    return found == livelock_watch::finding::livelock;
}

void sim_test_world::ask_expectations() {
    if (setup_.has_failed != nullptr && setup_.has_failed()) {
        fail("expectation", "an expectation failed");
    }
}

void sim_test_world::stop_as_planned() {
    if (sim_.world().steps() >= setup_.stop.step) {
        setup_.stop.step = 0;
        for (const sim_program& each : programs_) {
            if (each.what().number == setup_.stop.task && each.root() != nullptr &&
                !each.has_ended() && node(each.what().node).is_up()) {
                each.root()->request_stop();
            }
        }
    }
}

bool sim_test_world::wants_pause() {
    if (setup_.stop.step != 0) {
        stop_as_planned();
    }
    return is_wrong() || !requests_.empty() || (finishing_ && is_done());
}

void sim_test_world::note_strict_programs() {
    strict_.clear();
    for (const sim_program& each : programs_) {
        if (each.has_to_succeed()) {
            strict_.push_back(&each);
        }
    }
}

void sim_test_world::run_script() {
    for (const request& each : std::exchange(requests_, {})) {
        perform(each);
    }
    while (!script_.empty() && script_.back().at <= now() && verdict_.holds()) {
        const auto what = std::move(script_.back().what);
        script_.pop_back();
        what();
        start_nodes();
        note_strict_programs();
    }
}

// Runs until then; until something is wrong; when finishing, also until all is done or nothing
// will ever happen.
void sim_test_world::run_until(instant until) {
    const auto asks = [](void* self) { return static_cast<sim_test_world*>(self)->wants_pause(); };
    start_nodes();
    note_strict_programs();
    while (!is_wrong() && now() < until && !(finishing_ && is_done())) {
        const instant next = script_.empty() ? until : std::min(until, script_.back().at);
        if (next > now()) {
            runs_ = true;
            const bool was_asked = sim_.world().run_until(asks, this, next - now());
            runs_ = false;
            if (!was_asked && now() < next) {
                if (script_.empty() && finishing_) {
                    return;  // idle
                }
                sim_.run_for(next - now());
            }
        }
        run_script();
    }
}

void sim_test_world::run_for(duration length) {
    run_until(saturating_add(now(), length));
}

}  // namespace drama::inline v0
