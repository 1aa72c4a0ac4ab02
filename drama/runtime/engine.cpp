// SPDX-License-Identifier: Apache-2.0
// What tasks and timers ask of the runtime. IO is in engine_io.cpp, who burns CPUs in
// engine_burning.cpp, starting and stopping in engine_lifecycle.cpp.
#include "drama/runtime/engine.hpp"

#include <algorithm>
#include <cstdio>

#include "drama/base/coverage/mark.hpp"
#include "drama/runtime/world/mishaps.hpp"

namespace drama::inline v0::internal {
namespace {

constexpr int task_id_core_shift = 48;

tenant_record& record_of(runnable& task) noexcept {
    return static_cast<tenant_record&>(*task.payer);
}

bool is_of_turn(const core& mine, const runnable& task) noexcept {
    return mine.current &&
           &static_cast<tenant_lanes&>(*mine.current.lanes).record() == task.payer;
}

// Queues a task on the core that this thread holds. What was woken last runs next while its
// tenant's turn lasts: its data is warm. A task that used that three times in a row goes behind the
// others.
//
// Between turns the core's time may be as old as its last step: a completion that ended a park.
void ready_here(core& mine, runnable& task, const engine& in) noexcept {
    if (!mine.current) {
        mine.now = in.now();
    }
    if (!is_of_turn(mine, task)) {
        mine.push(task, mine.now);
        return;
    }
    task.queued_at = mine.now;
    runnable* kept = &task;
    if (task.lifo_uses < core::lifo_uses_max) {
        kept = mine.lifo.load(std::memory_order_relaxed);
        mine.lifo.store(&task, std::memory_order_relaxed);
    }
    if (kept != nullptr) {
        kept->queued_at = mine.now;
        mine.keep(*kept, in.options().workers != 1);
    }
}

// Takes a task of the running turn's tenant out of the queue; false: it does not stand there.
bool take_from_turn(core& mine, runnable& task) noexcept {
    if (mine.fresh.holds(task)) {
        mine.fresh.take(task);
        return true;
    }
    if (task.stands_in.load(std::memory_order_relaxed) == nullptr) {
        return false;
    }
    const std::lock_guard guard(mine.lock);
    return mine.shard.remove(*mine.current.lanes, task);
}

}  // namespace

void engine::ready(runnable& task) noexcept {
    const runtime_entry entry(*this);
    if (watcher_ != nullptr) [[unlikely]] {
        watcher_->woken(task);
    }
    if (core* const mine = entry.held(); mine != nullptr && !task.pinned) {
        if (mishaps_ != nullptr && mishaps_->moves(task)) [[unlikely]] {
            task.core = static_cast<std::uint16_t>((mine->index + 1) % cores_.size());
            inject(task);
            return;
        }
        ready_here(*mine, task, *this);
        ask_for_help(*mine);
        return;
    }
    inject(task);
}

void engine::start(runnable& task) noexcept {
    const runtime_entry entry(*this);
    core* const mine = entry.held();
    task.home = this;
    if (mine == nullptr) {
        task.is_foreign = true;
        record_of(task).usage.tasks_started.add(1);
        task.id = foreign_ids_.fetch_add(1, std::memory_order_relaxed);
        const auto next = task.id % cores_.size();
        task.core = static_cast<std::uint16_t>(next);
        tasks_started_outside_.fetch_add(1, std::memory_order_relaxed);
        note_start(task);
        inject(task);
        return;
    }
    count_start(*mine, task);
    ready_here(*mine, task, *this);
    ask_for_help(*mine);
}

void engine::count_start(core& mine, runnable& task) noexcept {
    // What is admitted one by one is counted one by one.
    if (mine.tally.is_of(task.payer) && !gate_.is_awaited()) {
        mine.tally.note_started();
    } else {
        record_of(task).usage.tasks_started.add(1);
    }
    task.id = ((mine.index + 1) << task_id_core_shift) | ++mine.next_task_id;
    mine.tasks_alive.store(mine.tasks_alive.load(std::memory_order_relaxed) + 1,
                           std::memory_order_relaxed);
    note_start(task);
}

void engine::note_start(runnable& task) noexcept {
    if (watcher_ != nullptr) [[unlikely]] {
        task.is_watched = true;
        watcher_->started(task);
    }
}

// Roots are often connections, and what a task waits for stays where it began to: so they begin on
// the cores in turn. Else all descriptors were on the core of the listener, and others would have
// to steal each wake-up.
void engine::start_root(runnable& task) noexcept {
    const runtime_entry entry(*this);
    core* const mine = entry.held();
    if (mine != nullptr && ++mine->next_root % cores_.size() != 0) {
        task.home = this;
        count_start(*mine, task);
        task.core = static_cast<std::uint16_t>((mine->index + mine->next_root) % cores_.size());
        inject(task);
        return;
    }
    start(task);
}

// A parent that waits for a child that has not begun runs it first, so that trees of tasks are
// walked in depth: in the order of arrival all of one level would be alive before the next. While
// the turn lasts the child runs on the parent's stack: neither of them is queued for that. After
// it, the child is next.
void engine::lend_place(runnable& waiting, runnable& task) noexcept {
    worker* runs_it = nullptr;
    {
        const runtime_entry entry(*this);
        core* const mine = entry.held();
        if (mine == nullptr || !mine->current || task.pinned) {
            return;
        }
        const bool is_next = mine->lifo.load(std::memory_order_relaxed) == &task;
        if (!is_next && !take_from_turn(*mine, task)) {
            return;
        }
        if (entry.who()->may_run_within(waiting, task)) {
            if (is_next) {
                mine->lifo.store(nullptr, std::memory_order_relaxed);
            }
            runs_it = entry.who();
            runs_it->begin_within(task);
        } else if (!is_next) {
            waiting.lifo_uses = 0;  // it goes on where it was, when the child has ended
            task.lifo_uses = 0;
            ready_here(*mine, task, *this);
        }
    }
    if (runs_it != nullptr) {
        runs_it->run_within(waiting, task);
    }
}

void engine::ended(runnable& task) noexcept {
    const runtime_entry entry(*this);
    if (watcher_ != nullptr) [[unlikely]] {
        watcher_->ended(task);
    }
    core* const mine = entry.held();
    if (mine != nullptr && mine->tally.is_of(task.payer)) {
        mine->tally.note_ended();
        // Who waits outside, or for admission, may look at the counters now.
        if (task.is_foreign || gate_.is_awaited()) {
            mine->tally.flush();
        }
    } else {
        record_of(task).usage.tasks_ended.add(1);
    }
    if (mine != nullptr) {
        mine->tasks_alive.store(mine->tasks_alive.load(std::memory_order_relaxed) - 1,
                                std::memory_order_relaxed);
    } else {
        tasks_started_outside_.fetch_sub(1, std::memory_order_relaxed);
    }
    gate_.note_end();
}

std::int64_t engine::tasks_alive() const noexcept {
    std::int64_t alive = tasks_started_outside_.load(std::memory_order_relaxed);
    for (const auto& each : cores_) {
        alive += each->tasks_alive.load(std::memory_order_relaxed);
    }
    return alive;
}

void engine::yield(runnable& task) noexcept {
    const runtime_entry entry(*this);
    if (core* const mine = entry.held()) {
        task.has_given_way = true;
        // The task ran until here: that is no wait. The poll ends now, and run_turn goes by this.
        mine->now = now();
        if (is_of_turn(*mine, task)) {
            mine->append(task, mine->now);
        } else {
            mine->push(task, mine->now);
        }
        return;
    }
    inject(task);
}

// A task that lost its core is known to the watchdog by the name it had then.
void engine::renamed(runnable& task) noexcept {
    const runtime_entry entry(*this);
    if (core* const mine = entry.held()) {
        mine->polling.name.store(task.name, std::memory_order_relaxed);
    }
}

// A parked core serves at once; so prefer the core where the task last ran, then any parked one. Of
// many busy ones it is better of two: only few compare themselves with each other in each turn.
core& engine::core_for(const runnable& task) noexcept {
    constexpr std::size_t cores_compared = 4;
    const std::size_t last = task.core % cores_.size();
    if (task.pinned) {
        return *cores_[last];
    }
    if (parked_workers.load(std::memory_order_relaxed) > 0) {
        for (std::size_t step = 0; step != cores_.size(); ++step) {
            core& each = *cores_[(last + step) % cores_.size()];
            if (each.inject.is_parked()) {
                return each;
            }
        }
    }
    if (cores_.size() <= cores_compared) {
        return *cores_[last];
    }
    const auto drawn = static_cast<std::uint64_t>(task.queued_at.time_since_epoch().count()) *
                       0x9E37'79B9'7F4A'7C15 >> 32;
    return *cores_[async_.less_urgent_of(last, drawn % cores_.size())];
}

void engine::inject(runnable& task) noexcept {
    task.queued_at = now();
    core& to = core_for(task);
    if (to.inject.push(task)) {
        parked_workers.fetch_sub(1, std::memory_order_relaxed);
        to.spot->unpark();
    }
}

// What a turn keeps nobody finds who comes.
void engine::ask_for_help(core& mine) noexcept {
    if (!mine.wants_help() || parked_workers.load(std::memory_order_relaxed) <= 0) {
        return;
    }
    if (!mine.fresh.empty()) {
        mine.share(mine.fresh.size());
    }
    wake_searcher();
}

void engine::wake_searcher() noexcept {
    if (parked_workers.load(std::memory_order_relaxed) <= 0 ||
        searching.load(std::memory_order_relaxed) ||
        searching.exchange(true, std::memory_order_acq_rel)) {
        return;
    }
    for (const auto& each : cores_) {
        if (!each->gives_way.load(std::memory_order_relaxed) && each->inject.unpark()) {
            parked_workers.fetch_sub(1, std::memory_order_relaxed);
            each->search_asked.store(true, std::memory_order_release);
            each->spot->unpark();
            return;
        }
    }
    searching.store(false, std::memory_order_release);
}

bool engine::arm(timer_node& timer) noexcept {
    const runtime_entry entry(*this);
    core* const mine = entry.held();
    const bool is_in_turn = mine != nullptr && mine->current;
    timer.when = timer_wheel::with_slack(timer.when, is_in_turn ? mine->now : now());
    if (mishaps_ != nullptr) [[unlikely]] {
        timer.when = mishaps_->timer_due(timer.when);
    }
    if (mine != nullptr) {
        return mine->wheel.arm(timer);
    }
    core& other = *cores_[0];
    const bool armed = other.wheel.arm(timer);
    if (armed) {
        other.spot->unpark();  // its wait may be too long now
    }
    return armed;
}

bool engine::disarm(timer_node& timer) noexcept {
    const runtime_entry entry(*this);
    return timer_wheel::disarm(timer);
}

std::optional<refusal> engine::refuse_root(account& payer) noexcept {
    return gate_.refuse_spawn(static_cast<tenant_record&>(payer));
}

saturation_signals engine::signals(instant at) noexcept {
    saturation_signals seen;
    seen.async_queued = async_.size();
    for (const auto& each : cores_) {
        seen.polls += each->poll_sequence.load(std::memory_order_relaxed) / 2;
    }
    seen.blocking_wait = blocking_->oldest_wait(at);
    seen.is_blocking_full = blocking_->threads() >= options_.blocking_threads_max;
    seen.disk_wait = std::max(disk_.oldest_wait(at), files_->oldest_wait(at));
    seen.memory = static_cast<double>(tasks_alive()) / static_cast<double>(options_.tasks_max);
    return seen;
}

void engine::note_throttled(account& payer, duration held, duration of_items) noexcept {
    tenant_usage& usage = static_cast<tenant_record&>(payer).usage;
    usage.limit_ns.add(static_cast<std::uint64_t>(held.count()));
    usage.limit_item_ns.add(static_cast<std::uint64_t>(of_items.count()));
}

std::uint32_t engine::weight_of(const account& payer) const noexcept {
    return static_cast<const tenant_record&>(payer).share().weight();
}

std::uint64_t engine::random() noexcept {
    const std::lock_guard guard(random_lock_);
    return random_.next();
}

void engine::log(const std::string& line) noexcept {
    const std::lock_guard guard(log_mutex_);
    try {
        if (options_.log) {
            options_.log(line);
            return;
        }
    } catch (...) {
        std::fputs("drama: the log callback threw; its line was:\n", stderr);
    }
    std::fprintf(stderr, "%s\n", line.c_str());
}

}  // namespace drama::inline v0::internal
