// SPDX-License-Identifier: Apache-2.0
// How a worker polls a task on the stack of one that waits for it. For the watchdog that is a poll
// of its own; for accounts too.
#include <algorithm>

#include "drama/base/coverage/mark.hpp"
#include "drama/runtime/core/worker.hpp"
#include "drama/runtime/engine.hpp"

namespace drama::inline v0::internal {
namespace {

// A bound for the stack: what is deeper is queued.
constexpr int depth_max = 8;
constexpr std::uint64_t polls_between_looks = 4;  // at the clock

}  // namespace

void worker::identify(core& mine, const runnable& task) noexcept {
    mine.polling.name.store(task.name, std::memory_order_relaxed);
    mine.polling.where.store(task.site.where, std::memory_order_relaxed);
    mine.polling.function.store(task.site.function, std::memory_order_relaxed);
    mine.polling.task_id.store(task.id, std::memory_order_relaxed);
}

bool worker::may_run_within(const runnable& waiting, runnable& task) noexcept {
    core& mine = *core_;
    const trampoline& above = waiting.slot();
    if (above.depth >= depth_max || mine.end_turn.load(std::memory_order_relaxed)) {
        return false;
    }
    if ((polls_within_ + 1) % polls_between_looks == 0) {
        mine.now = engine_->now();
    }
    return mine.now < above.turn_ends &&
           !engine_->must_run_demoted(static_cast<tenant_record&>(*task.payer), task);
}

void worker::begin_within(runnable& task) noexcept {
    core& mine = *core_;
    task.core = static_cast<std::uint16_t>(mine.index);
    task.lifo_uses = 0;
    ++polls_within_;
    waited_within_ns_ +=
        static_cast<std::uint64_t>(std::max(mine.now - task.queued_at, duration::zero()).count());
    identify(mine, task);
    mine.poll_sequence.store(mine.poll_sequence.load(std::memory_order_relaxed) + 2,
                             std::memory_order_relaxed);
}

void worker::run_within(runnable& waiting, runnable& task) noexcept {
    DRAMA_MARK("worker.polls_within");
    const trampoline& above = waiting.slot();
    trampoline below;
    below.now = above.now;
    below.turn_ends = above.turn_ends;
    below.depth = above.depth + 1;
    task.run(below);
    if (!tenure.enter()) {
        core_ = nullptr;
    } else {
        core& mine = *core_;
        identify(mine, waiting);
        mine.poll_sequence.store(mine.poll_sequence.load(std::memory_order_relaxed) + 2,
                                 std::memory_order_relaxed);
    }
    tenure.leave();
}

}  // namespace drama::inline v0::internal
