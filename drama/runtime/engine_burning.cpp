// SPDX-License-Identifier: Apache-2.0
// Who burns CPUs outside the workers: demoted tasks and compute functions share the permits, and
// whoever is more due goes first.
#include <mutex>

#include "drama/base/coverage/mark.hpp"
#include "drama/runtime/engine.hpp"

namespace drama::inline v0::internal {

bool engine::must_run_demoted(tenant_record& payer, runnable& task) noexcept {
    if (!options_.hand_over || !options_.check_permits) {
        return false;
    }
    if (task.on_core_once) [[unlikely]] {
        task.on_core_once = false;
        return false;
    }
    if (payer.is_demoted_site(task.site)) {
        return true;
    }
    return payer.demoted_threads.load(std::memory_order_relaxed) > 0 && permits_.free() <= 0;
}

void engine::note_permit_refused(runnable& task, instant at) noexcept {
    auto& payer = static_cast<tenant_record&>(*task.payer);
    const bool is_known = payer.is_demoted_site(task.site);
    decisions_.note(payer, {.at = at,
                            .kind = decision_kind::permit_refused,
                            .reason = is_known ? "its site overran" : "its tenant burns",
                            .value = payer.demoted_threads.load(std::memory_order_relaxed),
                            .bound = permits_.free()});
}

void engine::note_picked(const tenant_lanes& lanes, duration waited, instant at) noexcept {
    const tenant_record& payer = lanes.record();
    decisions_.note(payer, {.at = at,
                            .lasted = waited,
                            .lag = owed_to(payer.share(), queue_id::async, async_.clock(), at),
                            .value = static_cast<std::int64_t>(lanes.size()),
                            .bound = static_cast<std::int64_t>(async_.size())});
}

bool engine::must_give_way(core& mine, instant at) noexcept {
    if (!options_.shares_cpus) {
        return false;
    }
    const std::size_t burners = board_.count();
    const auto parked = parked_workers.load(std::memory_order_relaxed);
    const auto awake = static_cast<std::int64_t>(cores_.size()) - parked;
    if (burners == 0 || board_.deadline() == no_deadline ||
        awake + static_cast<std::int64_t>(burners) <= static_cast<std::int64_t>(cpus_)) {
        return false;
    }
    const std::lock_guard guard(mine.lock);
    return mine.shard.gives_way_to(board_.position(), board_.deadline(), at);
}

burning_board::place* engine::begin(tenant_record& payer, world_thread& thread, duration cpu,
                                    instant at) noexcept {
    DRAMA_MARK("engine.finds_a_burning_call");
    burning_board::place* const taken = board_.enter(payer, at, &thread, cpu);
    if (taken != nullptr) {
        taken->has_permit = permits_.try_take();
        burning.fetch_add(1, std::memory_order_relaxed);
        thread.set_policy(thread_policy::burning);
    }
    return taken;
}

void engine::end(burning_board::place* left, tenant_record& payer, duration more) noexcept {
    const bool had_permit = left != nullptr && left->has_permit;
    const duration charged = board_.leave(left);
    if (more > charged) {
        payer.share().charge(more - charged);
        payer.usage.burn(more - charged);
    }
    if (left != nullptr) {
        burning.fetch_sub(1, std::memory_order_relaxed);
    }
    if (had_permit) {
        release_permit();
    }
}

void engine::send_to_demoted(runnable& task) noexcept {
    DRAMA_MARK("engine.sends_to_demoted");
    const instant at = now();
    if (decisions_.is_on()) [[unlikely]] {
        note_permit_refused(task, at);
    }
    demoted_.push(task, at);
    // Against release_permit and rest_demoted, which give a permit and then look for work: the
    // counts of both are sequentially consistent, so either they see the task or we see the permit.
    // Without one, a thread would wake for nothing, and stand in line behind those that burn.
    if (permits_.free() > 0) {
        wake_demoted();
    }
}

void engine::free_from_demoted(instant at) noexcept {
    if (runnable* const task = demoted_.pop(at)) {
        DRAMA_MARK("engine.frees_from_demoted");
        task->on_core_once = true;
        inject(*task);
    }
}

bool engine::take_permit_for_demoted() noexcept {
    return permits_.try_take();
}

bool engine::does_compute_go_first(instant at) noexcept {
    if (permits_.free() > 1) {
        return false;  // there is one for each
    }
    const virtual_time function = compute_->next_position(at);
    const virtual_time own = demoted_.next_position(at);
    if (function == no_deadline || own == no_deadline || !before(function, own)) {
        return false;
    }
    DRAMA_MARK("engine.compute_goes_first");
    compute_->poke();
    return true;
}

bool engine::goes_before(virtual_time position, instant at) noexcept {
    if (demoted_.size() == 0) {
        return false;
    }
    const virtual_time own = demoted_.next_position(at);
    if (own == no_deadline || (position != no_deadline && !before(own, position))) {
        return false;
    }
    DRAMA_MARK("engine.demoted_goes_first");
    return wake_demoted();
}

void engine::release_permit() noexcept {
    release_permit_of_demoted();
    if (demoted_.size() != 0) {  // after the permit was given: see send_to_demoted
        wake_demoted();
    }
}

void engine::release_permit_of_demoted() noexcept {
    permits_.give_back();
    if (compute_->queued() != 0) {
        compute_->poke();
    }
}

}  // namespace drama::inline v0::internal
