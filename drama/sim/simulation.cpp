// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/simulation.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>

#include "drama/runtime/engine.hpp"
#include "drama/runtime/runtime.hpp"
#include "drama/sim/internal/sim_scheduler.hpp"
#include "drama/sim/oracle/livelock_watch.hpp"
#include "drama/sim/oracle/quiescence.hpp"

namespace drama::inline v0 {
namespace {

constexpr const char* event_names[] = {"step",   "unpark",       "resume",     "spend",
                                       "wait",   "thread start", "thread end", "thread refused",
                                       "submit", "complete",     "cancel",     "arrival",
                                       "disk",   "note",         "fault"};

std::string to_text(const std::vector<sim_event_record>& events, std::size_t index) {
    if (index >= events.size()) {
        return "(the run has ended)";
    }
    const sim_event_record& each = events[index];
    return std::string(event_names[static_cast<std::size_t>(each.what)]) + " thread " +
           std::to_string(each.thread) + " at " + std::to_string(each.at_ns) + " ns value " +
           std::to_string(each.value);
}

}  // namespace

simulation::simulation(std::uint64_t seed, const sim_options& options)
    : seed_(seed), world_(seed, options) {
}

std::int64_t simulation::tasks_alive() const noexcept {
    std::int64_t alive = 0;
    for (runtime* const each : watched_) {
        alive += each->handle().get().tasks_alive();
    }
    return alive;
}

instant simulation::last_due(instant most) const noexcept {
    instant last(duration(world_.scheduler().last_event_until(most.time_since_epoch().count())));
    for (runtime* const each : watched_) {
        for (const auto& core : each->handle().get().cores()) {
            last = std::max(last, core->wheel.last_until(most));
        }
    }
    return last;
}

std::int64_t simulation::unreturned_frame_bytes() const {
    std::int64_t bytes = 0;
    for (runtime* const each : watched_) {
        each->tenants().for_each([&](tenant one) { bytes += one.record().frame_bytes(); });
    }
    return bytes;
}

std::string simulation::leftovers() {
    std::uint64_t timers = 0;
    std::uint64_t operations = 0;
    for (runtime* const each : watched_) {
        for (const auto& core : each->handle().get().cores()) {
            timers += core->wheel.size();
            operations += core->backend != nullptr ? core->backend->in_flight() : 0;
        }
    }
    std::string text;
    const auto add = [&](std::uint64_t count, const char* what) {
        if (count != 0) {
            text += (text.empty() ? "" : ", ") + std::to_string(count) + ' ' + what;
        }
    };
    add(static_cast<std::uint64_t>(tasks_alive()), "tasks");
    add(timers, "timers");
    add(operations, "operations");
    std::uint64_t requests = 0;
    for (runtime* const each : watched_) {
        each->tenants().for_each([&](tenant one) {
            requests +=
                static_cast<std::uint64_t>(one.record().requests.load(std::memory_order_relaxed));
        });
    }
    add(requests, "admitted requests");
    add(network().open_fds(), "descriptors");
    return text;
}

verdict simulation::judge() {
    return judge_quiescence(world_.census());
}

verdict simulation::run_to_verdict(duration longest) {
    const instant began = now();
    struct watch {
        simulation* in;
        livelock_watch marks;
        bool stands = false;
    } look{this, livelock_watch(), false};
    const auto is_over = [](void* from) {
        watch& at = *static_cast<watch*>(from);
        const auto found =
            at.marks.look(at.in->world_.progress_marks(), at.in->world_.steps(), at.in->now());
        if (found == livelock_watch::finding::calm_down) {
            at.in->world_.calm_down();
            at.marks.wait_until(at.in->last_due(at.marks.horizon(at.in->now())));
        }
        at.stands = found == livelock_watch::finding::livelock;
        return at.stands || at.in->tasks_alive() == 0;
    };
    verdict seen;
    const bool is_asked = world_.run_until(is_over, &look, longest);
    if (look.stands) {
        seen.kind = verdict_kind::livelock;
        seen.summary = "livelock: " + std::to_string(tasks_alive()) +
                       " tasks are left, and nothing comes of what they do";
    } else if (is_asked) {
        if (const std::string left = leftovers(); !left.empty()) {
            seen.kind = verdict_kind::leak;
            seen.summary = "leak: " + left + " are left";
        }
    } else if (now() - began >= longest) {
        seen.kind = verdict_kind::late;
        seen.summary = "late: " + std::to_string(tasks_alive()) + " tasks are left";
    } else {
        seen = judge();
    }
    return seen;
}

bool simulation::run_to_end(duration longest) {
    const verdict seen = run_to_verdict(longest);
    if (!seen) {
        return true;
    }
    std::fprintf(stderr, "drama: %sreplay: %s\n", seen.text().c_str(), replay().c_str());
    if (seen.kind != verdict_kind::leak) {
        std::fputs(world_.describe_threads().c_str(), stderr);
    }
    return false;
}

std::string first_difference(const std::vector<sim_event_record>& one,
                             const std::vector<sim_event_record>& other) {
    const auto [left, right] = std::ranges::mismatch(one, other);
    if (left == one.end() && right == other.end()) {
        return {};
    }
    const auto index = static_cast<std::size_t>(left - one.begin());
    std::string text = "the runs part at event " + std::to_string(index) + '\n';
    for (std::size_t at = index < 3 ? 0 : index - 3; at < index; ++at) {
        text += "  both:   " + to_text(one, at) + '\n';
    }
    return text + "  first:  " + to_text(one, index) + "\n  second: " + to_text(other, index) +
           '\n';
}

}  // namespace drama::inline v0
