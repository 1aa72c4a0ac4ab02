// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/oracle/task_census.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "drama/base/assert.hpp"
#include "drama/sim/points/access_points.hpp"

namespace drama::inline v0 {
namespace {

void note_user(std::vector<std::uint64_t>& users, std::uint64_t task, std::size_t most) {
    if (std::ranges::find(users, task) != users.end()) {
        return;
    }
    if (users.size() == most) {
        users.erase(users.begin());
    }
    users.push_back(task);
}

}  // namespace

// What tasks waited for may outlive the world.
task_census::~task_census() {
    for (const auto& [address, each] : objects_) {
        each.self->watcher.store(nullptr, std::memory_order_relaxed);
    }
}

void task_census::started(runnable& task) noexcept {
    const internal::no_access_points undisturbed;
    const std::lock_guard guard(lock_);
    tasks_.insert_or_assign(&task, live_task{.task = &task, .number = ++last_number_});
}

void task_census::ended(runnable& task) noexcept {
    mark_progress();
    const internal::no_access_points undisturbed;
    const std::lock_guard guard(lock_);
    tasks_.erase(&task);
}

void task_census::woken(runnable& task) noexcept {
    const internal::no_access_points undisturbed;
    const std::lock_guard guard(lock_);
    DRAMA_ASSERT(tasks_.contains(&task), "a task is woken that has ended");
}

// What a task waits while its tenant has turns is the tenant's own affair: they stand in one line.
void task_census::served(const account& payer, duration waited, instant now) noexcept {
    const internal::no_access_points undisturbed;
    const std::lock_guard guard(lock_);
    const auto [found, is_first] = last_turn_.try_emplace(&payer, now);
    const duration without_turn =
        is_first ? waited : std::min(waited, now - std::exchange(found->second, now));
    if (without_turn > longest_.lasted) {
        longest_ = {&payer, without_turn};
    }
}

void task_census::asks(const runnable& task, const wait_record& what,
                       watched_object& from) noexcept {
    const internal::no_access_points undisturbed;
    const std::lock_guard guard(lock_);
    object& asked = objects_[&from];
    if (asked.number == 0) {
        asked.number = ++last_object_;
        asked.self = &from;
    }
    const auto found = tasks_.find(&task);
    if (found == tasks_.end()) {
        return;
    }
    found->second.asked = &what;
    found->second.from = &from;
    if (what.kind == wait_kind::space) {
        note_user(asked.wanted_space, found->second.number, users_max);
    } else if (what.kind == wait_kind::item) {
        note_user(asked.wanted_item, found->second.number, users_max);
    }
}

void task_census::took(const runnable& task, const wait_record& what, watched_object& from,
                       std::size_t count) noexcept {
    if (what.kind == wait_kind::item) {
        mark_progress();
    }
    if (count == 0) {
        return;
    }
    const internal::no_access_points undisturbed;
    const std::lock_guard guard(lock_);
    object& taken = objects_[&from];
    taken.self = &from;
    taken.has_permits = true;
    taken.holders.push_back({number_of(task), count, what.where});
}

// Guards move between tasks: what comes back is the caller's if it holds any, else the oldest.
void task_census::gave(watched_object& to, std::size_t count) noexcept {
    const internal::no_access_points undisturbed;
    const std::lock_guard guard(lock_);
    const auto found = objects_.find(&to);
    if (found == objects_.end()) {
        return;
    }
    const runnable* const self = current_runnable();
    const std::uint64_t giver = self != nullptr ? number_of(*self) : 0;
    std::vector<holding>& holders = found->second.holders;
    while (count != 0 && !holders.empty()) {
        auto from = std::ranges::find(holders, giver, &holding::task);
        if (from == holders.end()) {
            from = holders.begin();
        }
        const std::size_t returned = std::min(count, from->count);
        from->count -= returned;
        count -= returned;
        if (from->count == 0) {
            holders.erase(from);
        }
    }
}

void task_census::destroyed(watched_object& gone) noexcept {
    const internal::no_access_points undisturbed;
    const std::lock_guard guard(lock_);
    objects_.erase(&gone);
}

void task_census::leave_out(const host& home) noexcept {
    const std::lock_guard guard(lock_);
    for (auto& [address, each] : tasks_) {
        each.is_left_out = each.is_left_out || each.task->home == &home;
    }
}

std::vector<task_census::live_task> task_census::tasks() const {
    std::vector<live_task> all;
    all.reserve(tasks_.size());
    for (const auto& [address, each] : tasks_) {
        if (!each.is_left_out) {
            all.push_back(each);
        }
    }
    std::ranges::sort(all, {}, &live_task::number);
    return all;
}

const task_census::object* task_census::find(const watched_object& it) const noexcept {
    const auto found = objects_.find(&it);
    return found == objects_.end() ? nullptr : &found->second;
}

std::uint64_t task_census::number_of(const runnable& task) const noexcept {
    const auto found = tasks_.find(&task);
    return found == tasks_.end() ? 0 : found->second.number;
}

}  // namespace drama::inline v0
