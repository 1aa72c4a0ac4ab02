// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/core/worker.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "drama/base/assert.hpp"
#include "drama/base/coverage/mark.hpp"
#include "drama/runtime/engine.hpp"

namespace drama::inline v0::internal {
namespace {

thread_local worker* this_worker = nullptr;

constexpr int inline_completions_max = 64;
constexpr duration io_poll_period = std::chrono::microseconds(50);
constexpr duration demoted_idle_longest = std::chrono::seconds(10);

}  // namespace

[[gnu::noinline]] worker* current_worker() noexcept {
    return this_worker;
}

runtime_entry::runtime_entry(const engine& of) noexcept : worker_(current_worker()) {
    if (worker_ == nullptr || worker_->engine_ != &of) {
        worker_ = nullptr;
        return;
    }
    if (worker_->tenure.is_in_user_code()) {
        left_user_code_ = true;
        if (!worker_->tenure.enter()) {
            worker_->core_ = nullptr;
        }
    }
}

worker::worker(engine& of) noexcept : engine_(&of), own_spot_(of.where().make_parker()) {
}

worker::~worker() = default;

parker& worker::parked_on() noexcept {
    core* const mine = core_;
    return mine != nullptr ? *mine->spot : *own_spot_;
}

void worker::adopt(core& taken) noexcept {
    taken.holder.store(this, std::memory_order_release);
    // Release pairs with the acquire in step(): the new holder sees all that the old one wrote.
    core_to_adopt_.store(&taken, std::memory_order_release);
}

void worker::ask_to_finish() noexcept {
    finish_asked_.store(true, std::memory_order_release);
    if (core* const mine = core_to_adopt_.load(std::memory_order_acquire); mine != nullptr) {
        mine->spot->unpark();
    }
    own_spot_->unpark();
}

void worker::enter_thread() noexcept {
    this_worker = this;
}

void worker::leave_thread() noexcept {
    this_worker = nullptr;
}

instant worker::step() noexcept {
    const frame_pool_binding frames(frames_);
    if (core_ == nullptr && !tenure.is_taken()) {
        core_ = core_to_adopt_.load(std::memory_order_acquire);
        if (core_ != nullptr && core_->current) {
            end_taken_turn(*core_);
        }
    }
    return core_ != nullptr ? step_with_core(*core_) : step_without_core();
}

// The turn that was running when the core was taken ended then; what its task burns since is
// charged by the thread that it runs on.
void worker::end_taken_turn(core& mine) noexcept {
    DRAMA_MARK("worker.turn_was_taken");
    const instant now = engine_->now();
    auto& lanes = static_cast<tenant_lanes&>(*mine.current.lanes);
    const duration used = std::max(mine.taken_at - mine.turn_began, duration::zero());
    mine.polling.tenant.store(nullptr, std::memory_order_relaxed);
    mine.tally.end();
    mine.lock.lock();
    mine.share_locked(lanes, mine.fresh.size());
    mine.shard.settle(lanes, used, now);
    mine.lock.unlock();
    lanes.record().usage.turns.add(1);
    lanes.record().usage.cpu_ns.add(static_cast<std::uint64_t>(used.count()));
    mine.current = turn{};
    mine.time.end_turn(mine.turn_began + used, duration::zero());
    flush_lifo(mine, now);
    engine_->gate().note_end();
}

instant worker::step_with_core(core& mine) noexcept {
    if (mine.inject.unpark()) {
        engine_->parked_workers.fetch_sub(1, std::memory_order_relaxed);
    }
    if (mine.search_asked.load(std::memory_order_relaxed)) {
        mine.search_asked.store(false, std::memory_order_relaxed);
        searching_ = true;
    }
    const instant now = engine_->now();
    mine.now = now;
    mine.time.step(now);
    lost_.go_on(now);
    if (mine.gives_way.load(std::memory_order_relaxed)) [[unlikely]] {
        end_giving_way(mine, now);
    }
    if (!mine.inject.empty()) {
        drain_inject(mine, now);
    }
    if (mine.wheel.next_expiry() <= now) {
        mine.wheel.fire_due(now);
    }
    if (now - mine.io_polled >= io_poll_period) {
        poll_io(mine, now);
    }
    mine.backend->flush();
    if (finish_asked_.load(std::memory_order_relaxed)) {
        finished_.store(true, std::memory_order_release);
        return never;
    }
    steal_if_more_urgent(mine, now);
    if (engine_->board().count() != 0 && engine_->must_give_way(mine, now)) [[unlikely]] {
        return give_way(mine, now);
    }
    turn granted = pick(mine, now);
    if (!granted) {
        if (!find_elsewhere(mine, now)) {
            return park(mine, now);
        }
        // It begins in this step: else two that have nothing else could take the same task from
        // each other for ever.
        granted = pick(mine, now);
        if (!granted) {
            return long_ago;
        }
    }
    if (searching_) {
        searching_ = false;
        engine_->searching.store(false, std::memory_order_release);
    }
    if (mine.is_idle) {
        mine.is_idle = false;
        mine.busy_since = now;
    }
    if (mine.wants_help()) {
        engine_->wake_searcher();
    }
    run_turn(mine, granted, now);
    return long_ago;
}

turn worker::pick(core& mine, instant now) noexcept {
    const std::lock_guard guard(mine.lock);
    const turn granted = mine.shard.pick(now);
    if (const lane_set* const next = mine.shard.likely_next()) {
        static_cast<const tenant_lanes&>(*next).prefetch_beyond_queue();
    }
    return granted;
}

// The queue knows an item from now on; what it waited before is charged here.
void worker::drain_inject(core& mine, instant now) noexcept {
    tenant_record* payer = nullptr;
    duration waited = duration::zero();
    const auto charge = [&] {
        if (payer != nullptr) {
            payer->usage.queue_wait_ns.add(static_cast<std::uint64_t>(waited.count()));
        }
    };
    for (work_item* item = mine.inject.take_all(); item != nullptr;) {
        work_item* const following = item->next;
        auto& task = static_cast<runnable&>(*item);
        if (task.payer != payer) {
            charge();
            payer = static_cast<tenant_record*>(task.payer);
            waited = duration::zero();
        }
        waited += std::max(now - task.queued_at, duration::zero());
        mine.push(task, now);
        item = following;
    }
    charge();
}

void worker::poll_io(core& mine, instant now) noexcept {
    mine.io_polled = now;
    mine.backend->reap(duration::zero());
}

runnable* worker::next_in_turn(core& mine, lane_set& lanes, instant now) noexcept {
    if (runnable* const woken = mine.lifo.load(std::memory_order_relaxed)) {
        mine.lifo.store(nullptr, std::memory_order_relaxed);
        ++woken->lifo_uses;
        return woken;
    }
    mine.lock.lock();
    mine.share_locked(lanes, mine.fresh.size());
    work_item* const item = mine.shard.pop(lanes, now);
    mine.lock.unlock();
    auto* const task = static_cast<runnable*>(item);
    if (task != nullptr) {
        task->lifo_uses = lanes.was_put_back() ? static_cast<std::uint8_t>(task->lifo_uses + 1) : 0;
    }
    return task;
}

void worker::flush_lifo(core& mine, instant now) noexcept {
    if (runnable* const left = mine.lifo.exchange(nullptr, std::memory_order_relaxed)) {
        mine.push(*left, now);
    }
}

bool worker::run_turn(core& mine, const turn& granted, instant began) noexcept {
    auto& lanes = static_cast<tenant_lanes&>(*granted.lanes);
    tenant_record& payer = lanes.record();
    const frame_tally frames(payer);
    mine.tally.begin(payer);
    mine.current = granted;
    mine.turn_began = began;
    mine.end_turn.store(false, std::memory_order_relaxed);
    instant now = began;
    std::uint64_t polls = 0;
    std::uint64_t wait_ns = 0;
    trampoline bottom;
    bottom.turn_ends = granted.ends;
    while (runnable* const task = next_in_turn(mine, lanes, now)) {
        const duration waited = std::max(now - task->queued_at, duration::zero());
        if (polls == 0) {
            const duration oldest = std::max(waited, lanes.overtaken_for(now));
            payer.note_queue_delay(oldest, now);
            if (task_watcher* const watcher = engine_->watcher()) [[unlikely]] {
                watcher->served(payer, oldest, now);
            }
            if (engine_->decisions().is_on()) [[unlikely]] {
                engine_->note_picked(lanes, oldest, now);
            }
        }
        wait_ns += static_cast<std::uint64_t>(waited.count());
        if (task->pinned && task->core % engine_->cores().size() != mine.index) [[unlikely]] {
            DRAMA_MARK("worker.pinned_elsewhere");
            engine_->inject(*task);
            continue;
        }
        if (engine_->must_run_demoted(payer, *task)) [[unlikely]] {
            engine_->send_to_demoted(*task);
            continue;
        }
        bottom.now = now;
        bottom.inline_left = inline_completions_max;
        if (!poll(*task, bottom)) {
            payer.usage.polls.add(polls + 1 + std::exchange(polls_within_, 0));
            payer.usage.queue_wait_ns.add(wait_ns + std::exchange(waited_within_ns_, 0));
            after_hand_over();
            return false;
        }
        polls += 1 + std::exchange(polls_within_, 0);
        wait_ns += std::exchange(waited_within_ns_, 0);
        if (mine.now > now) {
            now = mine.now;  // the task yielded, and looked at the clock when it did
        } else if ((polls & 3U) == 0 || mine.lifo.load(std::memory_order_relaxed) == nullptr) {
            now = engine_->now();
            mine.now = now;
        }
        if (now >= granted.ends || mine.end_turn.load(std::memory_order_relaxed)) {
            break;
        }
    }
    payer.usage.polls.add(polls);
    payer.usage.queue_wait_ns.add(wait_ns);
    end_turn(mine, lanes, polls);
    return true;
}

void worker::end_turn(core& mine, tenant_lanes& lanes, std::uint64_t polls) noexcept {
    const instant now = engine_->now();
    mine.now = now;
    if (runnable* const left = mine.lifo.load(std::memory_order_relaxed)) {
        mine.lifo.store(nullptr, std::memory_order_relaxed);
        if (left->lifo_uses < core::lifo_uses_max) {
            mine.put_back(lanes, *left, now);
        } else {
            mine.push(*left, now);
        }
    }
    const duration lasted = now - mine.turn_began;
    const duration lost = lost_.of_turn(lasted, now, engine_->where());
    const duration used = lasted - lost;
    mine.note_turn(used, polls, mine.tally.ended());
    mine.time.end_turn(now, lost);
    if (lost != duration::zero()) [[unlikely]] {
        engine_->async_queue().note_lost(lost);
    }
    mine.tally.end();
    mine.current = turn{};
    mine.lock.lock();
    mine.share_locked(lanes, mine.fresh.size());
    mine.shard.settle(lanes, used, now);
    mine.lock.unlock();
    lanes.record().usage.turns.add(1);
    lanes.record().usage.cpu_ns.add(static_cast<std::uint64_t>(used.count()));
    // Of what the tally has told only now. Last: whom it admits is queued, as no turn runs any
    // more.
    engine_->gate().note_end();
}

bool worker::poll(runnable& task, trampoline& bottom) noexcept {
    core& mine = *core_;
    task.core = static_cast<std::uint16_t>(mine.index);
    identify(mine, task);
    mine.polling.tenant.store(static_cast<tenant_record*>(task.payer), std::memory_order_release);
    const std::uint64_t sequence = mine.poll_sequence.load(std::memory_order_relaxed);
    mine.poll_sequence.store(sequence + 1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);  // before the question in note_activity
    engine_->guard().note_activity();
    tenure.leave();
    task.run(bottom);
    if (!tenure.enter()) {
        core_ = nullptr;
        return false;
    }
    mine.poll_sequence.store(sequence + 2, std::memory_order_relaxed);
    return true;
}

// Nothing to run: take from others. False: they have nothing either.
bool worker::find_elsewhere(core& mine, instant now) noexcept {
    if (steal(mine, now)) {
        return true;
    }
    if (searching_) {
        searching_ = false;
        engine_->searching.store(false, std::memory_order_release);
        if (steal(mine, now)) {
            DRAMA_MARK("worker.steals_at_last_look");
            return true;  // it came while we gave up: nobody else would have looked
        }
    }
    DRAMA_ASSERT(mine.lifo.load(std::memory_order_relaxed) == nullptr,
                 "only a turn has a task that runs next");
    mine.is_idle = true;
    return false;
}

// There is work, but whoever burns is more due, and has no CPU while workers have all of them.
instant worker::give_way(core& mine, instant now) noexcept {
    DRAMA_MARK("worker.gives_way");
    if (searching_) {
        searching_ = false;
        engine_->searching.store(false, std::memory_order_release);
    }
    mine.gives_way.store(true, std::memory_order_relaxed);
    mine.gave_way_to = engine_->board().most_due();
    mine.gave_way_at = now;
    mine.shard.set_served(false, now);
    const instant until = park(mine, now);
    if (until == long_ago) {
        return until;  // somebody sent work
    }
    engine_->board().note_left();
    return std::min(until, now + engine_->options().park_while_burning);
}

// What would have run meanwhile was held for who burned: it is ahead of that one, if not of the
// clock. A hold that had begun names it when it ends.
void worker::end_giving_way(core& mine, instant now) noexcept {
    mine.gives_way.store(false, std::memory_order_relaxed);
    if (mine.gave_way_to != nullptr) {
        const tenant_share& burner = mine.gave_way_to->share();
        const std::lock_guard guard(mine.lock);
        mine.shard.note_left_to(burner, mine.gave_way_at, now);
        lane_set* const held = mine.shard.steal_candidate(now);
        if (held != nullptr && &held->share() != &burner && !held->holds().has_begun()) {
            const duration lasted = now - std::max(mine.gave_way_at, held->waiting_since());
            held->holds().add(hold_cause::ahead_of_share, std::max(lasted, duration::zero()),
                              held->size());
            held->holds().credit(burner, std::max(lasted, duration::zero()));
        }
    }
    mine.shard.set_served(true, now);
}

instant worker::park(core& mine, instant now) noexcept {
    engine_->parked_workers.fetch_add(1, std::memory_order_relaxed);
    if (!mine.inject.park()) {
        return long_ago;
    }
    mine.polling.tenant.store(nullptr, std::memory_order_relaxed);
    mine.io_polled = now;  // parking polls
    mine.time.park();
    lost_.park(now);
    instant wake_at = mine.wheel.next_expiry();
    if (engine_->is_anything_burning()) {
        wake_at = std::min(wake_at, now + engine_->options().park_while_burning);
    }
    return wake_at;
}

duration worker::after_hand_over() noexcept {
    DRAMA_MARK("worker.lost_its_core");
    lost_.forget();
    tenant_record* const payer = burning_for.exchange(nullptr, std::memory_order_acq_rel);
    const duration charged = engine_->board().leave(std::exchange(burns_at, nullptr));
    const duration used = engine_->where().thread_cpu_time() - cpu_at_demotion;
    if (payer != nullptr) {
        if (used > charged) {
            payer->share().charge(used - charged);
            payer->usage.burn(used - charged);
        }
        payer->demoted_threads.fetch_sub(1, std::memory_order_relaxed);
    }
    engine_->burning.fetch_sub(1, std::memory_order_relaxed);
    engine_->release_permit_of_demoted();
    idle_since_ = engine_->now();
    return used;
}

// Rests until somebody brings work or a permit; ends after long idleness if others are left.
instant worker::rest_demoted(instant now, bool for_another) noexcept {
    DRAMA_MARK("worker.rests_demoted");
    demoted_team::rest(*this);
    is_resting_ = true;
    if (!for_another && engine_->demoted().size() != 0 && engine_->permits().free() > 0) {
        end_rest();
        return long_ago;  // it came meanwhile
    }
    if (now - idle_since_ < demoted_idle_longest) {
        return idle_since_ + demoted_idle_longest;
    }
    if (engine_->retire_demoted(*this)) {
        finished_.store(true, std::memory_order_release);
    }
    return never;  // one of the last stays, and is woken only for work
}

void worker::end_rest() noexcept {
    if (is_resting_) {
        is_resting_ = false;
        if (!demoted_team::rise(*this)) {
            engine_->note_risen();  // somebody woke this thread
        }
    }
}

// A spare waits for a core; a demoted worker serves demoted work as permits allow.
instant worker::step_without_core() noexcept {
    if (finish_asked_.load(std::memory_order_acquire)) {
        finished_.store(true, std::memory_order_release);
        return never;
    }
    if (!tenure.is_taken()) {
        return never;
    }
    end_rest();
    const instant now = engine_->now();
    if (engine_->demoted().size() != 0 && engine_->does_compute_go_first(now)) {
        return rest_demoted(now, true);  // and be woken by it
    }
    if (engine_->demoted().size() == 0 || !engine_->take_permit_for_demoted()) {
        return rest_demoted(now, false);
    }
    runnable* const task = engine_->demoted().pop(now);
    if (task == nullptr) {
        engine_->release_permit();
        return long_ago;
    }
    auto& payer = static_cast<tenant_record&>(*task->payer);
    payer.usage.demoted_turns.add(1);
    payer.usage.queue_wait_ns.add(static_cast<std::uint64_t>((now - task->queued_at).count()));
    burning_since_ns.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    cpu_at_demotion = engine_->where().thread_cpu_time();
    burns_at = engine_->board().enter(payer, now, thread(), cpu_at_demotion);
    payer.demoted_threads.fetch_add(1, std::memory_order_relaxed);
    engine_->burning.fetch_add(1, std::memory_order_relaxed);
    burning_for.store(&payer, std::memory_order_release);
    trampoline bottom;
    bottom.now = now;
    bottom.turn_ends = now + std::chrono::microseconds(50);
    bottom.inline_left = inline_completions_max;
    const task_site site = task->site;
    task->run(bottom);
    const duration used = after_hand_over();
    payer.note_demoted_poll(site, used > engine_->options().hand_over_after);
    return long_ago;
}

}  // namespace drama::inline v0::internal
