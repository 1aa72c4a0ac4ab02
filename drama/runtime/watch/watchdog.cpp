// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/watch/watchdog.hpp"

#include <algorithm>
#include <cstdio>

#include "drama/base/coverage/mark.hpp"
#include "drama/runtime/engine.hpp"
#include "drama/runtime/watch/stack_text.hpp"

namespace drama::inline v0::internal {
namespace {

constinit thread_local const engine* this_thread_watches = nullptr;

constexpr duration sleep_after_idle = std::chrono::milliseconds(10);
constexpr duration pool_period = std::chrono::milliseconds(1);
constexpr duration seek_period = std::chrono::milliseconds(8);
constexpr duration pool_wait_longest = std::chrono::milliseconds(1);
constexpr duration report_after = std::chrono::milliseconds(100);
constexpr duration stack_answer_longest = std::chrono::milliseconds(400);
constexpr std::size_t stack_frames_max = 48;
// A description costs the watchdog a millisecond or more, in which it takes no core away.
constexpr int reports_per_second_max = 10;
// A thread that waits in the kernel keeps its core longer. One that waits for a CPU keeps it:
// another thread would have to wait too, and the task that it had would go on at the lowest
// priority.
constexpr int unburned_limits = 5;
constexpr duration alert_longest = std::chrono::milliseconds(20);
constexpr duration demoted_still_longest = std::chrono::milliseconds(250);
constexpr duration starved_longest = std::chrono::milliseconds(200);

}  // namespace

watchdog::watchdog(engine& of)
    : engine_(&of), spot_(of.where().make_parker()), seen_(of.options().workers) {
    burners_.reserve(1024);
}

void watchdog::enter_thread() noexcept {
    this_thread_watches = engine_;
}

void watchdog::leave_thread() noexcept {
    this_thread_watches = nullptr;
}

[[gnu::noinline]] const engine* watchdog::watched_here() noexcept {
    return this_thread_watches;
}

void watchdog::wake() noexcept {
    asleep_.store(false, std::memory_order_relaxed);
    spot_->unpark();
}

instant watchdog::step() noexcept {
    if (finish_asked_.load(std::memory_order_acquire)) {
        keep_cpus_alert(false, never);
        finished_.store(true, std::memory_order_release);
        return never;
    }
    const instant now = engine_->now();
    bool active = false;
    is_core_still_ = false;
    is_task_kept_ = false;
    auto& cores = engine_->cores();
    for (std::size_t index = 0; index < cores.size(); ++index) {
        active = watch_core(*cores[index], seen_[index], now) || active;
    }
    watch_burners(now);
    if (engine_->board().count() != 0) {
        engine_->compute().refresh_running(now);
        engine_->board().refresh(now);
        engine_->async_queue().note_outside(engine_->board().weight());
    } else {
        engine_->async_queue().note_outside(0);
    }
    if (now - pools_seen_ >= pool_period) {
        pools_seen_ = now;
        watch_pools(now);
    }
    keep_cpus_alert(active && (is_core_still_ || engine_->is_anything_burning()), now);
    engine_->gate().tick(now);
    if (engine_->options().hand_over) {
        engine_->ensure_spare();
    }
    if (active || engine_->gate().needs_ticks() || !burners_.empty() ||
        engine_->blocking().queued() != 0 || engine_->disk().queued() != 0 ||
        engine_->compute().queued() != 0 || engine_->demoted().size() != 0) {
        last_activity_ = now;
    } else if (now - last_activity_ >= sleep_after_idle) {
        // Against worker::poll, which stores its sequence and then asks whether we sleep, with no
        // fence of its own: after this barrier either it sees that we sleep, or we see its
        // sequence.
        keep_cpus_alert(false, never);
        asleep_.store(true, std::memory_order_seq_cst);
        engine_->where().barrier_all_threads();
        for (std::size_t index = 0; index < cores.size(); ++index) {
            if (cores[index]->poll_sequence.load(std::memory_order_seq_cst) !=
                seen_[index].sequence) {
                asleep_.store(false, std::memory_order_relaxed);
                return long_ago;
            }
        }
        return never;
    }
    // What stands behind a long poll is to run elsewhere within hand_over_after: so it is looked at
    // again sooner.
    return now + engine_->options().hand_over_after / (is_task_kept_ ? 4 : 2);
}

// True if a task stands behind the poll that runs now, where no other core finds it, and one is
// free for it.
bool watchdog::is_task_kept(const core& watched, std::uint64_t sequence) const noexcept {
    return (sequence & 1U) != 0 && engine_->parked_workers.load(std::memory_order_relaxed) > 0 &&
           (watched.lifo.load(std::memory_order_relaxed) != nullptr || !watched.fresh.empty() ||
            watched.shard.size() == 1);
}

// True if user code ran on the core since the last tick.
bool watchdog::watch_core(core& watched, observation& seen, instant now) noexcept {
    const std::uint64_t sequence = watched.poll_sequence.load(std::memory_order_relaxed);
    if (sequence != seen.sequence) {
        seen = {.sequence = sequence, .since = now};
        is_task_kept_ = is_task_kept_ || is_task_kept(watched, sequence);
        return true;
    }
    worker* const holder = watched.holder.load(std::memory_order_acquire);
    look_whether_still(watched, holder, seen, now);
    if ((sequence & 1U) == 0) {
        return false;
    }
    const duration lasted = now - seen.since;
    if (holder != nullptr && is_task_kept(watched, sequence)) {
        free_kept_tasks(watched, *holder);
    }
    if (watched.shard.size() > 0) {
        watched.has_tiny_tasks.store(false, std::memory_order_relaxed);
        engine_->wake_searcher();  // what waits behind a long poll need not
    }
    if (lasted >= engine_->options().hand_over_after && engine_->options().hand_over &&
        engine_->tasks_alive() > 1 && holder != nullptr && is_due(*holder, lasted, now, seen) &&
        hand_over(watched, *holder, now, seen)) {
        seen = {.sequence = watched.poll_sequence.load(std::memory_order_relaxed), .since = now};
        return true;
    }
    if (lasted >= report_after && !seen.reported && holder != nullptr) {
        const burner alone{.who = holder,
                           .tenant = watched.polling.tenant.load(std::memory_order_acquire),
                           .name = watched.polling.name.load(std::memory_order_relaxed),
                           .site = watched.polling.site(),
                           .since = seen.since};
        if (alone.tenant != nullptr && describe_stall(alone, seen.stack_asked, false, now)) {
            seen.reported = true;
            stalls_.fetch_add(1, std::memory_order_relaxed);
            alone.tenant->usage.stalls.add(1);
        }
    }
    return true;
}

// A core that is not parked stands still where its thread has had no CPU for most of the time since
// the tick that first found it unchanged.
void watchdog::look_whether_still(const core& watched, const worker* holder, observation& seen,
                                  instant now) noexcept {
    if (holder == nullptr || holder->thread() == nullptr || watched.inject.is_parked()) {
        seen.cpu_read_at = long_ago;
        return;
    }
    const duration cpu = holder->thread()->cpu_time();
    if (seen.cpu_read_at == long_ago) {
        seen.cpu_read_at = now;
        seen.cpu = cpu;
    } else if (cpu - seen.cpu < (now - seen.cpu_read_at) / 2) {
        is_core_still_ = true;
    }
}

// What only this core would run goes to one that rests: the task that was to run next, and the last
// one of the running tenant, which nobody steals because a turn commonly comes to it at once.
void watchdog::free_kept_tasks(core& watched, worker& holder) noexcept {
    runnable* next = nullptr;
    work_item* last = nullptr;
    holder.tenure.visit([this] { engine_->where().barrier_all_threads(); },
                        [&] {
                            next = watched.lifo.load(std::memory_order_relaxed);
                            watched.lifo.store(nullptr, std::memory_order_relaxed);
                            watched.lock.lock();
                            if (!watched.fresh.empty()) {
                                watched.share_locked(*watched.current.lanes, watched.fresh.size());
                            }
                            if (watched.current && watched.shard.size() == 1) {
                                lane_set& running = *watched.current.lanes;
                                last = running.find(1, [](const work_item& each) {
                                    return !static_cast<const runnable&>(each).pinned;
                                });
                                if (last != nullptr && !watched.shard.remove(running, *last)) {
                                    last = nullptr;
                                }
                            }
                            watched.lock.unlock();
                        });
    if (next != nullptr) {
        DRAMA_MARK("watchdog.frees_the_next_task");
        engine_->inject(*next);
    }
    if (last != nullptr) {
        DRAMA_MARK("watchdog.frees_the_last_task");
        engine_->inject(static_cast<runnable&>(*last));
    }
}

// A thread that others merely keep from running would be demoted for nothing: its CPU clock must
// show that it burned. One that waits in the kernel loses its core all the same, only later.
bool watchdog::is_due(const worker& holder, duration lasted, instant now,
                      const observation& seen) const noexcept {
    if (holder.thread() == nullptr || lasted > starved_longest) {
        return true;
    }
    if (lasted > unburned_limits * engine_->options().hand_over_after &&
        !holder.thread()->is_waiting_for_cpu()) {
        return true;
    }
    return now > seen.cpu_read_at && has_burned(holder.thread()->cpu_time(), now, seen);
}

// A thread that gets only a part of a CPU has burned when it had enough of it.
bool watchdog::has_burned(duration cpu, instant now, const observation& seen) const noexcept {
    return cpu - seen.cpu >=
           std::min((now - seen.cpu_read_at) / 2, engine_->options().hand_over_after);
}

bool watchdog::hand_over(core& watched, worker& holder, instant now,
                         const observation& seen) noexcept {
    if (burners_.size() == burners_.capacity()) {
        return false;
    }
    worker* const spare = engine_->take_spare();
    if (spare == nullptr) {
        return false;
    }
    burner left;
    duration cpu = duration::zero();  // the holder's notes are its own again once it is taken
    const bool taken = holder.tenure.take(
        [this] { engine_->where().barrier_all_threads(); },
        [&] {
            left = {&holder, watched.polling.tenant.load(std::memory_order_acquire),
                    watched.polling.name.load(std::memory_order_relaxed), watched.polling.site(),
                    seen.since};
            left.tenant->demoted_threads.fetch_add(1, std::memory_order_relaxed);
            engine_->burning.fetch_add(1, std::memory_order_relaxed);
            engine_->permits().take_anyway();
            cpu = holder.thread() != nullptr ? holder.thread()->cpu_time() : duration::zero();
            holder.cpu_at_demotion = cpu;
            holder.burns_at = engine_->board().enter(*left.tenant, now, holder.thread(), cpu);
            holder.burning_since_ns.store(seen.since.time_since_epoch().count(),
                                          std::memory_order_relaxed);
            holder.burning_for.store(left.tenant, std::memory_order_release);
            watched.poll_sequence.fetch_add(1, std::memory_order_relaxed);
            watched.taken_at = now;
            spare->adopt(watched);
        });
    if (!taken) {
        engine_->return_spare(*spare);
        return false;
    }
    hand_overs_.fetch_add(1, std::memory_order_relaxed);
    left.tenant->usage.hand_overs.add(1);
    if (has_burned(cpu, now, seen)) {  // else nobody is to blame
        left.tenant->note_overrun(left.site);
    }
    spare->wake_spare();
    if (holder.thread() != nullptr) {
        holder.thread()->set_policy(thread_policy::burning);
    }
    engine_->add_demoted(holder);
    burners_.push_back(left);
    return true;
}

void watchdog::watch_burners(instant now) noexcept {
    DRAMA_MARK("watchdog.watches_burners");
    for (burner& each : burners_) {
        const bool ended = each.who->burning_for.load(std::memory_order_acquire) != each.tenant ||
                           each.who->burning_since_ns.load(std::memory_order_relaxed) !=
                               each.since.time_since_epoch().count();
        const duration lasted = now - each.since;
        if (!each.counted && lasted >= engine_->options().stall_after) {
            each.counted = true;
            stalls_.fetch_add(1, std::memory_order_relaxed);
            each.tenant->usage.stalls.add(1);
        }
        if (!each.reported && lasted >= report_after) {
            each.reported = describe_stall(each, each.stack_asked, ended, now);
        }
        if (ended) {
            each.who = nullptr;
        }
    }
    std::erase_if(burners_, [](const burner& each) { return each.who == nullptr; });
}

void watchdog::watch_pools(instant now) noexcept {
    // Where neither workers nor others that burn want for CPUs, they are in nobody's way.
    const bool is_urgent = is_core_still_ || engine_->is_anything_burning();
    if (is_urgent || now - burners_sought_ >= seek_period) {
        burners_sought_ = now;
        engine_->blocking().look_for_burners(now);
    }
    if (engine_->blocking().oldest_wait(now) > pool_wait_longest) {
        engine_->blocking().expect_long();
    }
    if (engine_->compute().oldest_wait(now) > pool_wait_longest) {
        engine_->compute().expect_long();
    }
    if (engine_->disk().queued() != 0) {
        engine_->disk().look_for_overdue();
    }
    watch_demoted(now);
}

// Demoted threads, all of the permits with them, may wait for what is queued behind them, as a loop
// over an atomic does: then the next task goes to a core after all. If it burns there, a thread
// more is demoted.
void watchdog::watch_demoted(instant now) noexcept {
    const bool is_any = engine_->demoted().size() != 0;
    // The compute pool gives permits back without looking at demoted work.
    if (is_any && engine_->permits().free() > 0) {
        engine_->wake_demoted();
    }
    const std::uint64_t popped = engine_->demoted().popped();
    if (!is_any || popped != demoted_popped_ || demoted_still_since_ == long_ago) {
        demoted_popped_ = popped;
        demoted_still_since_ = is_any ? now : long_ago;
        return;
    }
    if (now - demoted_still_since_ >= demoted_still_longest) {
        demoted_still_since_ = now;
        engine_->free_from_demoted(now);
    }
}

// Parked workers wake by themselves while threads burn; busy ones that the kernel put behind
// another thread do not. That comes in bursts, so it stays for a while.
void watchdog::keep_cpus_alert(bool wanted, instant now) noexcept {
    if (wanted) {
        alert_wanted_ = now;
    }
    const bool stays = wanted || (cpus_alert_ && now - alert_wanted_ < alert_longest);
    if (stays != cpus_alert_) {
        cpus_alert_ = stays;
        engine_->where().keep_cpus_alert(stays);
    }
}

// Asks the thread for its stack and reports once it has answered, or will not; true: it is done
// with. A thread at the lowest priority may take its time: the watchdog has others to look after.
bool watchdog::describe_stall(const burner& stalled, instant& stack_asked, bool is_over,
                              instant now) noexcept {
    if (stack_asked == long_ago) {
        if (is_over) {
            return true;  // it ended before it was a stall worth a report
        }
        if (now - reports_counted_ >= std::chrono::seconds(1)) {
            reports_counted_ = now;
            reports_ = 0;
        }
        if (++reports_ > reports_per_second_max) {
            stalls_not_described_.fetch_add(1, std::memory_order_relaxed);
            return true;
        }
        stack_asked = now;
        if (stalled.who->thread() != nullptr && stalled.who->thread()->request_stack()) {
            return false;
        }
        report_stall(stalled, {}, now);
        return true;
    }
    void* frames[stack_frames_max];
    const auto answer = stalled.who->thread()->take_stack(frames);
    if (!answer && !is_over && now - stack_asked < stack_answer_longest) {
        return false;
    }
    // An answer that came after the poll had ended tells of something else.
    report_stall(stalled, std::span(frames).first(is_over ? 0 : answer.value_or(0)), now);
    return true;
}

void watchdog::report_stall(const burner& stalled, std::span<void* const> stack,
                            instant now) noexcept {
    try {
        const stall_report report{.tenant = stalled.tenant->name(),
                                  .task = stalled.name,
                                  .site = site_text(stalled.site),
                                  .lasted = now - stalled.since,
                                  .stack = stack_text(stack)};
        if (engine_->options().on_stall) {
            engine_->options().on_stall(report);
            return;
        }
        engine_->log("drama: stall: a task of tenant '" + report.tenant + "'" +
                     (report.task.empty() ? "" : " named '" + report.task + "'") + " spawned at " +
                     report.site + " has not given way for " +
                     std::to_string(report.lasted.count() / 1'000'000) +
                     " ms; it belongs in compute()\n" + report.stack);
    } catch (const std::bad_alloc&) {
        std::fputs("drama: stall: no memory for the report\n", stderr);
    } catch (...) {
        std::fputs("drama: stall: the callback for stalls threw\n", stderr);
    }
}

}  // namespace drama::inline v0::internal
