// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/simulation.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>

#include "drama/runtime/engine.hpp"
#include "drama/runtime/runtime.hpp"

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
    add(network().open_fds(), "descriptors");
    return text;
}

bool simulation::run_to_end(duration longest) {
    const instant began = now();
    const auto is_over = [](void* self) {
        return static_cast<const simulation*>(self)->tasks_alive() == 0;
    };
    if (world_.run_until(is_over, this, longest)) {
        const std::string left = leftovers();
        if (!left.empty()) {
            std::fprintf(stderr, "drama: leak: %s are left\nreplay: %s\n", left.c_str(),
                         replay().c_str());
        }
        return left.empty();
    }
    const bool is_late = now() - began >= longest;
    std::fprintf(stderr, "drama: %s: %lld tasks are left%s\nreplay: %s\n%s",
                 is_late ? "late" : "deadlock", static_cast<long long>(tasks_alive()),
                 is_late ? "" : " and nothing will ever happen again", replay().c_str(),
                 world_.describe_threads().c_str());
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
