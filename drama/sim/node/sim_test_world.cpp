// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/node/sim_test_world.hpp"

#include <algorithm>
#include <filesystem>
#include <ranges>

#include "drama/coro/spawn.hpp"
#include "drama/coro/wait_record.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0 {
namespace {

// Streams of their own, so that what a test draws leaves the schedule alone.
constexpr std::uint64_t test_stream = 0x746573742064726aULL;
constexpr std::uint64_t node_stream = 0x6e6f646573206e64ULL;

std::string place_of(const std::source_location& where) {
    return std::filesystem::path(where.file_name()).filename().string() + ':' +
           std::to_string(where.line());
}

std::string counted(std::size_t count, const char* what) {
    return std::to_string(count) + ' ' + what + (count == 1 ? "" : "s");
}

}  // namespace

sim_test_world::sim_test_world(const sim_test_setup& setup)
    : setup_(setup),
      sim_(setup.seed, telling_strays(setup.world)),
      random_(setup.seed ^ test_stream),
      node_seeds_(setup.seed ^ node_stream) {
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
            if (auto error = on.start(); !error.empty() && !may_be_refused()) {
                fail("refused", std::move(error));
            }
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

bool sim_test_world::is_done() const noexcept {
    return script_.empty() && requests_.empty() &&
           std::ranges::all_of(nodes_, [](const sim_node& each) { return each.unfinished() == 0; });
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
    const auto found = watch_.look(sim_.world().progress_marks(), sim_.world().steps());
    if (found == livelock_watch::finding::calm_down) {
        sim_.faults().clear();
    }
    return found == livelock_watch::finding::livelock;
}

void sim_test_world::ask_expectations() {
    if (setup_.has_failed != nullptr && setup_.has_failed()) {
        fail("expectation", "an expectation failed");
    }
}

void sim_test_world::stop_as_planned() {
    if (setup_.stop.step != 0 && sim_.world().steps() >= setup_.stop.step) {
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
    stop_as_planned();
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

const run_verdict& sim_test_world::finish() {
    if (std::exchange(finishing_, true)) {
        return verdict_;
    }
    const instant limit = saturating_add(now(), setup_.longest);
    run_until(limit);
    if (verdict_.holds() && !is_done() && now() >= limit && !sim_.faults().is_empty()) {
        // Nothing breaks any more: what only waits for that must come to its end now.
        sim_.faults().clear();
        run_until(saturating_add(limit, 3 * setup_.longest));
    }
    if (verdict_.word == "livelock") {
        list_waits();
    } else if (verdict_.holds() && !is_done()) {
        judge_end();
    }
    for (const check& each : finally_) {
        if (verdict_.holds() && !each()) {
            fail("invariant", "what must hold at the end does not");
        }
    }
    judge_turns();
    stop_nodes();
    ask_expectations();
    bury_nodes();
    return verdict_;
}

void sim_test_world::judge_end() {
    std::size_t left = 0;
    std::string paused;
    for (const sim_node& each : nodes_) {
        left += each.unfinished();
        if (each.now_is() == sim_node::state::paused) {
            paused += ", node '" + each.name() + "' is paused";
        }
    }
    // A thread that is stuck in a call keeps the watchdog awake: then only old waits tell.
    const bool is_over = !sim_.world().has_events();
    const std::size_t at_locks =
        sim_.world().scheduler().waiting_at_objects(is_over ? 0 : setup_.longest.count() / 2);
    if (at_locks != 0) {
        fail("deadlock", counted(left, "program") + " wait, and " + counted(at_locks, "thread") +
                             " for mutexes or conditions of the C library" + paused);
    } else if (!is_over) {
        fail("late", counted(left, "program") + " did not end in time" + paused);
    }
    if (!is_over) {
        list_waits();
        return;
    }
    const drama::verdict seen = paused.empty() ? sim_.judge() : drama::verdict();
    if (seen) {
        take(seen);
    } else {
        fail("deadlock",
             counted(left, "program") + " wait and nothing will ever happen again" + paused);
        list_waits();
    }
}

// What the oracle says, in the words of a report.
void sim_test_world::take(const drama::verdict& seen) {
    fail(std::string(name_of(seen.kind)), seen.summary);
    for (const waiting_task& each : seen.tasks) {
        verdict_.waits.push_back(each.text());
        verdict_.places.push_back(each.waits_at);
    }
    if (seen.others != 0) {
        verdict_.waits.push_back("and " + std::to_string(seen.others) + " more tasks wait");
    }
    std::ranges::sort(verdict_.places);
    const auto repeated = std::ranges::unique(verdict_.places);
    verdict_.places.erase(repeated.begin(), repeated.end());
}

// A fault, or a pause, may take a worker away for as long as it likes.
void sim_test_world::judge_turns() {
    const auto longest = sim_.world().census().longest_without_turn();
    if (setup_.runtime.order != policy::fair || longest.lasted <= without_turn_most_ ||
        sim_.faults().kinds_fired() != 0 || has_paused_) {
        return;
    }
    const auto length = std::to_string(longest.lasted.count());
    fail("starved", "tenant '" + static_cast<const tenant_record&>(*longest.payer).name() +
                        "' had a ready task and no turn for " + length + " ns");
}

void sim_test_world::list_waits() {
    for (const sim_program& each : programs_) {
        if (!each.is_awaited() || each.root() == nullptr || !node(each.what().node).is_up()) {
            continue;
        }
        internal::spawned& root = *each.root();
        const std::string who =
            "task " + std::to_string(root.id) + " '" +
            (*root.name == 0 ? place_of(root.site.where) : std::string(root.name)) +
            "'  node=" + each.what().node + "  tenant=" + each.what().tenant;
        std::string wait = "does not wait";
        root.inspect_wait([&](const wait_record* record) {
            if (record != nullptr) {
                wait =
                    std::string("awaits ") + name_of(record->kind) + "  " + place_of(record->where);
            }
        });
        verdict_.waits.push_back(who + "  " + wait);
        verdict_.places.push_back(std::move(wait));
    }
    std::ranges::sort(verdict_.places);
}

void sim_test_world::stop_nodes() {
    runs_ = true;  // what code asks for now comes too late
    watch_ = livelock_watch();
    // A stop has minutes for slow faults; for a program that spins these would be hours of ours.
    const auto is_enough = [](void* self) {
        auto& mine = *static_cast<sim_test_world*>(self);
        const bool stands = mine.is_stuck();
        if (stands) {
            mine.fail("livelock", "tasks were asked to stop and go on and on");
        }
        return stands;
    };
    sim_.world().set_impatience(is_enough, this);
    for (sim_node& each : nodes_ | std::views::reverse) {
        if (auto error = each.stop(); !error.empty()) {
            fail("shutdown", std::move(error));
        }
    }
    sim_.world().set_impatience(nullptr, nullptr);
    if (!verdict_.holds()) {
        return;
    }
    if (const std::string left = sim_.leftovers(); !left.empty()) {
        fail("leak", left + " are left");
    }
}

void sim_test_world::bury_nodes() {
    if (setup_.mute != nullptr) {
        setup_.mute(true);
    }
    watch_ = livelock_watch();
    sim_.world().set_impatience(
        [](void* self) { return static_cast<sim_test_world*>(self)->is_stuck(); }, this);
    for (sim_node& each : nodes_) {
        each.bury();
    }
    sim_.world().set_impatience(nullptr, nullptr);
    if (setup_.mute != nullptr) {
        setup_.mute(false);
    }
}

}  // namespace drama::inline v0
