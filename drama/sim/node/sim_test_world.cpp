// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/node/sim_test_world.hpp"

#include <algorithm>
#include <filesystem>

#include "drama/coro/spawn.hpp"
#include "drama/coro/wait_record.hpp"

namespace drama::inline v0 {
namespace {

// Its own stream, so that what a test draws leaves the schedule alone.
constexpr std::uint64_t test_stream = 0x746573742064726aULL;

std::string place_of(const std::source_location& where) {
    return std::filesystem::path(where.file_name()).filename().string() + ':' +
           std::to_string(where.line());
}

}  // namespace

sim_test_world::sim_test_world(const sim_test_setup& setup)
    : setup_(setup), sim_(setup.seed, setup.world), random_(setup.seed ^ test_stream) {
    sim_.network().options() = setup.network;
}

sim_test_world::~sim_test_world() {
    roots_.clear();  // before the runtimes that they came from
}

sim_test_world::one_node& sim_test_world::node_called(std::string_view name) {
    for (one_node& each : nodes_) {
        if (each.name == name) {
            return each;
        }
    }
    runtime_options options = setup_.runtime;
    options.log = [](const std::string&) {};
    one_node& made = nodes_.emplace_back(
        std::string(name), std::make_unique<runtime>(sim_.world(), std::move(options)));
    sim_.watch(*made.rt);
    auto started = made.rt->start();
    made.runs = started.has_value();
    if (!started && !survives_.contains(fault_kind::thread_unavailable)) {
        fail("refused", "node " + made.name + " does not start: " + started.error().message());
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

void sim_test_world::run_for(duration length) {
    run_on(length);
}

bool sim_test_world::is_left_out(std::size_t number) const noexcept {
    return std::ranges::binary_search(setup_.left_out, number);
}

void sim_test_world::note_refused(const refusal& why) {
    if (!sim_.faults().is_empty()) {
        return;  // memory, most likely
    }
    fail("refused", "a root was refused: " + why.code().message());
}

// The first failure counts.
void sim_test_world::fail(std::string word, std::string what) {
    if (verdict_.holds()) {
        verdict_.word = std::move(word);
        verdict_.what = std::move(what);
        verdict_.step = sim_.world().steps();
        verdict_.at = sim_.now();
    }
}

bool sim_test_world::has_ended() const noexcept {
    return std::ranges::all_of(
        roots_, [](const one_root& each) { return each.serves || each.task->is_done(); });
}

bool sim_test_world::ask_whether_over(void* self) {
    return static_cast<sim_test_world*>(self)->is_over();
}

bool sim_test_world::is_over() {
    for (const check& each : always_) {
        if (!each()) {
            fail("invariant", "what must always hold does not");
        }
    }
    if (setup_.has_failed != nullptr && setup_.has_failed()) {
        fail("expectation", "an expectation failed");
    }
    if (setup_.stop.step != 0 && sim_.world().steps() >= setup_.stop.step) {
        setup_.stop.step = 0;
        for (const one_root& each : roots_) {
            if (each.number == setup_.stop.task && !each.task->is_done()) {
                each.task->request_stop();
            }
        }
    }
    return !verdict_.holds() || (finishing_ && has_ended());
}

bool sim_test_world::run_on(duration longest) {
    return sim_.world().run_until(&ask_whether_over, this, longest);
}

const run_verdict& sim_test_world::finish() {
    const instant began = sim_.now();
    finishing_ = true;
    bool ended = run_on(setup_.longest);
    if (!ended && sim_.now() - began >= setup_.longest && !sim_.faults().is_empty()) {
        // Nothing breaks any more: what only waits for that must come to its end now.
        sim_.faults().clear();
        ended = run_on(3 * setup_.longest);
    }
    judge_end(ended, sim_.now() - began >= setup_.longest);
    for (const check& each : finally_) {
        if (verdict_.holds() && !each()) {
            fail("invariant", "what must hold at the end does not");
        }
    }
    if (setup_.has_failed != nullptr && setup_.has_failed()) {
        fail("expectation", "an expectation failed");
    }
    for (one_node& each : nodes_) {
        if (auto stopped = each.rt->stop(); !stopped) {
            fail("shutdown", "node " + each.name + " does not stop");
        }
    }
    if (const std::string left = sim_.leftovers(); !left.empty()) {
        fail("leak", left + " are left");
    }
    return verdict_;
}

void sim_test_world::judge_end(bool ended, bool is_late) {
    if (ended) {
        return;
    }
    const auto left = std::ranges::count_if(
        roots_, [](const one_root& each) { return !each.serves && !each.task->is_done(); });
    const std::string tasks = std::to_string(left) + (left == 1 ? " task" : " tasks");
    if (is_late) {
        fail("late", tasks + " did not end in time");
    } else {
        fail("deadlock", tasks + " wait and nothing will ever happen again");
    }
    list_waits();
}

void sim_test_world::list_waits() {
    for (const one_root& each : roots_) {
        if (each.serves || each.task->is_done()) {
            continue;
        }
        const std::string who = "task " + std::to_string(each.task->id) + " '" +
                                (*each.task->name == 0 ? place_of(each.task->site.where)
                                                       : std::string(each.task->name)) +
                                "'  tenant=" + each.tenant;
        std::string wait = "does not wait";
        each.task->inspect_wait([&](const wait_record* record) {
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

}  // namespace drama::inline v0
