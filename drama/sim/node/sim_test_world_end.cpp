// SPDX-License-Identifier: Apache-2.0
// How a world of a test ends: its programs come to their end or are judged by what they wait for,
// then its nodes are stopped, and what is left of killed ones is buried.
#include <algorithm>
#include <ranges>

#include "drama/coro/spawn.hpp"
#include "drama/coro/wait_record.hpp"
#include "drama/sim/node/sim_test_world.hpp"
#include "drama/sim/report/run_trace.hpp"
#include "drama/tenant/tenant_record.hpp"

namespace drama::inline v0 {
namespace {

constexpr std::size_t listed_max = 8;
// Who was asked to stop has less to do than the test had.
constexpr std::uint64_t stop_patience_part = 10;

std::string wait_of(runnable& task) {
    std::string wait = "does not wait";
    task.try_inspect_wait([&](const wait_record* record) {
        if (record != nullptr) {
            wait =
                std::string("awaits ") + name_of(record->kind) + "  " + place_text(record->where);
        }
    });
    return wait;
}

std::string counted(std::size_t count, const char* what) {
    return std::to_string(count) + ' ' + what + (count == 1 ? "" : "s");
}

}  // namespace

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
        list_tasks();
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
            (*root.name == 0 ? place_text(root.site.where) : std::string(root.name)) +
            "'  node=" + each.what().node + "  tenant=" + each.what().tenant;
        std::string wait = wait_of(root);
        verdict_.waits.push_back(who + "  " + wait);
        verdict_.places.push_back(std::move(wait));
    }
    std::ranges::sort(verdict_.places);
}

// Of all that lives, also what no program waits for: one of them goes on and on.
void sim_test_world::list_tasks() {
    const auto all = sim_.world().census().tasks();
    for (const task_census::live_task& each : all) {
        if (verdict_.waits.size() == listed_max) {
            verdict_.waits.push_back("and " + std::to_string(all.size() - listed_max) +
                                     " more tasks");
            break;
        }
        runnable& self = *each.task;
        std::string wait = wait_of(self);
        verdict_.waits.push_back(
            "task " + std::to_string(each.number) +
            (*self.name == 0 ? std::string() : " '" + std::string(self.name) + '\'') +
            "  tenant=" + static_cast<const tenant_record&>(*self.payer).name() + "  " + wait +
            (self.is_stopping() ? "  (asked to stop, spawned at " : "  (spawned at ") +
            place_text(self.site.where) + ')');
        verdict_.places.push_back(std::move(wait));
    }
    std::ranges::sort(verdict_.places);
}

livelock_watch sim_test_world::watch_of_stops() noexcept {
    livelock_patience patience = setup_.patience;
    patience.steps /= stop_patience_part;
    patience.marks += sim_.world().progress_marks();
    return livelock_watch(patience);
}

void sim_test_world::stop_nodes() {
    runs_ = true;  // what code asks for now comes too late
    watch_ = watch_of_stops();
    // A stop has minutes for slow faults; for a program that spins these would be hours of ours.
    const auto is_enough = [](void* self) {
        auto& mine = *static_cast<sim_test_world*>(self);
        const bool stands = mine.is_stuck();
        if (stands && mine.verdict_.holds()) {
            mine.fail("livelock", "tasks were asked to stop and go on and on");
            mine.list_tasks();
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
    watch_ = watch_of_stops();
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
