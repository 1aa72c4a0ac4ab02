// SPDX-License-Identifier: Apache-2.0
// How a worker takes work from other cores: when it has none, and when theirs is more urgent.
#include <algorithm>

#include "drama/runtime/core/worker.hpp"
#include "drama/base/coverage/mark.hpp"
#include "drama/runtime/engine.hpp"

namespace drama::inline v0::internal {
namespace {

constexpr std::size_t steal_items_max = 256;
constexpr std::size_t items_looked_at = 64;

}  // namespace

// Between tiny tasks stands what makes them. It has given way before, and is worth more than the
// oldest of them: a loop that spawns has a core of its own then.
bool worker::steal_lasting(core& mine, core& victim, lane_set& from, tenant_lanes& to,
                           instant now) noexcept {
    if (!from.is_running()) {
        return false;
    }
    work_item* const found = from.find(items_looked_at, [](const work_item& each) {
        const auto& task = static_cast<const runnable&>(each);
        return task.has_given_way && !task.pinned;
    });
    if (found == nullptr || !victim.shard.remove(from, *found)) {
        return false;
    }
    DRAMA_MARK("worker.steals_a_lasting_task");
    to.record().usage.queue_wait_ns.add(
        static_cast<std::uint64_t>(std::max(now - found->queued_at, duration::zero()).count()));
    mine.shard.push(to, *found, now);
    return true;
}

bool worker::steal_from(core& mine, core& victim, instant now) noexcept {
    const bool are_tiny = victim.has_tiny_tasks.load(std::memory_order_relaxed);
    if (are_tiny && now - mine.tiny_stolen_at < core::tiny_steal_pause) {
        return false;
    }
    if (victim.shard.size() == 0 || !try_lock_both(victim.lock, mine.lock)) {
        return false;
    }
    std::size_t moved = 0;
    if (lane_set* const from = victim.shard.steal_candidate(now)) {
        tenant_lanes& to = static_cast<tenant_lanes&>(*from).record().lanes_on(mine.index);
        if (are_tiny && steal_lasting(mine, victim, *from, to, now)) {
            moved = 1;
        } else {
            moved = victim.shard.steal(*from, to, mine.shard, are_tiny ? 1 : steal_items_max, now);
        }
        mine.tiny_stolen_at = are_tiny ? now : mine.tiny_stolen_at;
        if (moved != 0 && engine_->decisions().is_on()) [[unlikely]] {
            engine_->decisions().note(to.record(),
                                      {.at = now,
                                       .kind = decision_kind::stolen,
                                       .value = static_cast<std::int64_t>(victim.index),
                                       .bound = static_cast<std::int64_t>(mine.index)});
        }
    }
    mine.lock.unlock();
    victim.lock.unlock();
    return moved != 0;
}

bool worker::steal(core& mine, instant now) noexcept {
    auto& cores = engine_->cores();
    for (std::size_t step = 1; step < cores.size(); ++step) {
        if (steal_from(mine, *cores[(mine.index + step) % cores.size()], now)) {
            DRAMA_MARK("worker.steals");
            return true;
        }
    }
    return false;
}

void worker::steal_if_more_urgent(core& mine, instant now) noexcept {
    auto& cores = engine_->cores();
    if (cores.size() == 1) {
        return;
    }
    const std::size_t other = engine_->async_queue().shard_to_help(mine.index, ++turns_);
    if (other != mine.index) {
        DRAMA_MARK("worker.steals_the_more_urgent");
        steal_from(mine, *cores[other], now);
    }
}

}  // namespace drama::inline v0::internal
