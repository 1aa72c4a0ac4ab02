// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/explore/deviations.hpp"

#include <array>

#include "drama/sim/internal/sim_scheduler.hpp"

namespace drama::inline v0 {
namespace {

constexpr std::size_t questions = 5;

question question_of(schedule_delay what) noexcept {
    switch (what) {
        case schedule_delay::wake:
            return question::wake;
        case schedule_delay::step:
            return question::step;
        case schedule_delay::preemption:
            break;
    }
    return question::preemption;
}

// The thread that ran last if it is ready, else the one of the lowest number.
std::size_t plainest(std::span<internal::sim_thread* const> ready, std::uint64_t last) noexcept {
    std::size_t chosen = 0;
    for (std::size_t i = 0; i < ready.size(); ++i) {
        if (ready[i]->id == last) {
            return i;
        }
        if (ready[i]->id < ready[chosen]->id) {
            chosen = i;
        }
    }
    return chosen;
}

}  // namespace

std::uint64_t internal::question_count::next(question asked, std::uint64_t thread) {
    const std::size_t at = thread * questions + static_cast<std::size_t>(asked);
    if (counts_.size() <= at) {
        counts_.resize(at + questions);
    }
    return counts_[at]++;
}

std::size_t recording_schedule::choose(std::span<internal::sim_thread* const> ready) noexcept {
    const std::uint64_t number = count_.next(question::choose, 0);
    const std::size_t chosen = inner_.choose(ready);
    if (chosen != plainest(ready, last_)) {
        seen_.push_back(
            {question::choose, 0, number, static_cast<std::int64_t>(ready[chosen]->id)});
    }
    return chosen;
}

std::int64_t recording_schedule::delay_ns(schedule_delay what, const internal::sim_thread& whose,
                                          const duration_range& range) noexcept {
    const question asked = question_of(what);
    const std::uint64_t number = count_.next(asked, whose.id);
    const std::int64_t answer = inner_.delay_ns(what, whose, range);
    if (answer != range.least.count()) {
        seen_.push_back({asked, whose.id, number, answer});
    }
    return answer;
}

bool recording_schedule::preempts(const internal::sim_thread& whose,
                                  std::uint32_t one_in) noexcept {
    last_ = whose.id;
    const std::uint64_t number = count_.next(question::preempts, whose.id);
    const bool answer = inner_.preempts(whose, one_in);
    if (answer) {
        seen_.push_back({question::preempts, whose.id, number, 1});
    }
    return answer;
}

deviating_schedule::deviating_schedule(std::span<const deviation> from) {
    for (const deviation& each : from) {
        answers_[{each.asked, each.thread, each.number}] = each.answer;
    }
}

const std::int64_t* deviating_schedule::find(question asked, std::uint64_t thread) {
    const auto found = answers_.find({asked, thread, count_.next(asked, thread)});
    return found == answers_.end() ? nullptr : &found->second;
}

std::size_t deviating_schedule::choose(std::span<internal::sim_thread* const> ready) noexcept {
    if (const std::int64_t* const wanted = find(question::choose, 0)) {
        for (std::size_t i = 0; i < ready.size(); ++i) {
            if (ready[i]->id == static_cast<std::uint64_t>(*wanted)) {
                return i;
            }
        }
    }
    return plainest(ready, last_);
}

std::int64_t deviating_schedule::delay_ns(schedule_delay what, const internal::sim_thread& whose,
                                          const duration_range& range) noexcept {
    const std::int64_t* const answer = find(question_of(what), whose.id);
    return answer != nullptr ? *answer : range.least.count();
}

bool deviating_schedule::preempts(const internal::sim_thread& whose, std::uint32_t) noexcept {
    last_ = whose.id;
    return find(question::preempts, whose.id) != nullptr;
}

std::string to_text(const deviation& from) {
    constexpr std::array names{"choose", "wake", "step", "preemption", "preempts"};
    std::string text = names[static_cast<std::size_t>(from.asked)];
    if (from.thread != 0) {
        text += " of thread " + std::to_string(from.thread);
    }
    text += ", number " + std::to_string(from.number) + ": ";
    switch (from.asked) {
        case question::choose:
            return text + "thread " + std::to_string(from.answer);
        case question::preempts:
            return text + "yes";
        default:
            return text + std::to_string(from.answer) + " ns";
    }
}

}  // namespace drama::inline v0
