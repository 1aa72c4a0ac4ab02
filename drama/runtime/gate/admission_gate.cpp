// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/gate/admission_gate.hpp"

#include <algorithm>
#include <mutex>

#include "drama/base/coverage/mark.hpp"
#include "drama/coro/spawn.hpp"
#include "drama/runtime/engine.hpp"

namespace drama::inline v0::internal {
namespace {

constexpr duration retry_soon = std::chrono::milliseconds(10);
constexpr duration retry_later = std::chrono::milliseconds(100);
// More than all cores can start between two samples.
constexpr std::uint64_t tasks_between_samples = 1'000'000;

/// No waiting turns these into an admission.
bool is_final(refusal_reason reason) noexcept {
    return reason == refusal_reason::shutting_down;
}

template <class Limit>
bool is_reached(std::int64_t used, Limit limit) noexcept {
    return used >= 0 && static_cast<std::uint64_t>(used) >= static_cast<std::uint64_t>(limit);
}

}  // namespace

std::optional<refusal> admission_gate::judge(tenant_record& payer, gate_kind which,
                                             std::uint32_t cost) const noexcept {
    const auto refuse = [&payer](refusal_reason reason, resource of, duration retry) {
        return refusal{reason, of, payer.id(), retry};
    };
    if (engine_->is_stopping()) {
        return refuse(refusal_reason::shutting_down, resource::cpu, duration::zero());
    }
    // A request dearer than the limit is admitted alone: no waiting would make it cheaper.
    if (which == gate_kind::request) {
        const std::int64_t held = payer.requests.load(std::memory_order_relaxed);
        const std::uint64_t most = payer.requests_max();
        if (is_reached(held, most) || (held > 0 && is_reached(held + cost - 1, most))) {
            return refuse(refusal_reason::tenant_requests_max, resource::cpu, retry_soon);
        }
    }
    if (is_reached(payer.tasks(), payer.tasks_max())) {
        return refuse(refusal_reason::tenant_tasks_max, resource::memory, retry_soon);
    }
    if (is_full()) {
        return refuse(refusal_reason::tasks_max, resource::memory, retry_later);
    }
    const duration delay = payer.queue_delay(engine_->now());
    const duration delay_max = std::min(payer.queue_delay_max(), saturation_.delay_max());
    if (delay > delay_max) {
        return refuse(refusal_reason::tenant_queue_delay, resource::cpu,
                      std::max(delay - delay_max, duration(retry_soon)));
    }
    return std::nullopt;
}

// Far from the limit the last sample will do: the exact count takes a line from each core.
bool admission_gate::is_full() const noexcept {
    const std::uint64_t most = engine_->options().tasks_max;
    return tasks_seen_.load(std::memory_order_relaxed) + tasks_between_samples >= most &&
           is_reached(engine_->tasks_alive(), most);
}

std::optional<refusal> admission_gate::refuse_spawn(tenant_record& payer) noexcept {
    auto refused = judge(payer, gate_kind::spawn, 0);
    if (refused) {
        note_refused(payer, gate_kind::spawn, refused->reason);
    }
    return refused;
}

void admission_gate::note_refused(tenant_record& payer, gate_kind which,
                                  refusal_reason why) const noexcept {
    payer.usage.refused.add(1);
    if (!engine_->decisions().is_on()) [[likely]] {
        return;
    }
    const instant now = engine_->now();
    decision made{.at = now, .kind = decision_kind::gate_refused, .reason = name_of(why)};
    if (why == refusal_reason::tenant_queue_delay) {
        made.value = payer.queue_delay(now).count();
        made.bound = std::min(payer.queue_delay_max(), saturation_.delay_max()).count();
    } else if (which == gate_kind::request && why == refusal_reason::tenant_requests_max) {
        made.value = payer.requests.load(std::memory_order_relaxed);
        made.bound = static_cast<std::int64_t>(payer.requests_max());
    } else {
        made.value = payer.tasks();
        made.bound = static_cast<std::int64_t>(payer.tasks_max());
    }
    engine_->decisions().note(payer, made);
}

std::optional<refusal> admission_gate::try_enter(tenant_record& payer,
                                                 std::uint32_t cost) noexcept {
    if (auto refused = judge(payer, gate_kind::request, cost)) {
        note_refused(payer, gate_kind::request, refused->reason);
        return refused;
    }
    payer.requests.fetch_add(cost, std::memory_order_relaxed);
    return std::nullopt;
}

void admission_gate::leave(tenant_record& payer, std::uint32_t cost) noexcept {
    payer.requests.fetch_sub(cost, std::memory_order_seq_cst);
    note_end();
}

// The place in the line comes before the question: who asks meanwhile goes behind. What ended
// before the wait could be seen is found by decide(), which looks at all lines.
bool admission_gate::wait(admission_wait& wait) noexcept {
    DRAMA_MARK("gate.somebody_waits");
    admission_line& line = wait.payer->line_at(wait.which);
    lock_.lock();
    wait.published = true;
    const bool waits = wait.self->begin_wait(wait);
    if (waits) {
        if (line.waits.empty()) {
            lines_.push_back(line);
        }
        line.waits.push_back(wait);
        line.note_change(1, engine_->now());
        waiting_.store(waiting_.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
    }
    lock_.unlock();
    if (!waits) {
        const bool late = wait.self->stop_reason() == errc::deadline_exceeded;
        wait.decided = admission_wait::outcome::refused;
        wait.why = {late ? refusal_reason::deadline_exceeded : refusal_reason::stop_requested,
                    resource::cpu, wait.payer->id(), duration::zero()};
        return false;
    }
    decide();  // `wait` may be gone from here on
    return true;
}

bool admission_gate::withdraw(admission_wait& wait) noexcept {
    DRAMA_MARK("gate.somebody_withdraws");
    const std::lock_guard guard(lock_);
    if (!wait.list_link<>::is_linked()) {
        return false;
    }
    remove(wait);
    return true;
}

void admission_gate::remove(admission_wait& wait) noexcept {
    admission_line& line = wait.payer->line_at(wait.which);
    line.waits.remove(wait);
    line.note_change(-1, engine_->now());
    if (line.waits.empty()) {
        lines_.remove(line);
    }
    waiting_.store(waiting_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

// The first of some line that is admitted or can never be, out of its line; null: all must wait on.
// Its line goes behind the others, so that tenants take turns.
admission_wait* admission_gate::next_decided() noexcept {
    const std::lock_guard guard(lock_);
    for (admission_line* next = lines_.empty() ? nullptr : &lines_.front(); next != nullptr;
         next = lines_.next_of(*next)) {
        admission_line& line = *next;
        admission_wait& first = line.waits.front();
        auto refused = judge(*line.of, line.kind, first.cost);
        if (refused && !is_final(refused->reason)) {
            continue;
        }
        remove(first);
        if (line.list_link<>::is_linked()) {
            lines_.remove(line);
            lines_.push_back(line);
        }
        first.decided =
            refused ? admission_wait::outcome::refused : admission_wait::outcome::admitted;
        if (refused) {
            first.why = *refused;
            note_refused(*line.of, line.kind, refused->reason);
        } else if (line.kind == gate_kind::request) {
            line.of->requests.fetch_add(first.cost, std::memory_order_relaxed);
        }
        return &first;
    }
    return nullptr;
}

// One thread decides at a time, so that what one admits is counted before the next is judged.
void admission_gate::decide() noexcept {
    decide_again_.store(true, std::memory_order_seq_cst);
    // Who finds another at it leaves: that one looks at decide_again_ once more after it is done.
    while (decide_again_.load(std::memory_order_seq_cst) &&
           !deciding_.exchange(true, std::memory_order_seq_cst)) {
        decide_again_.store(false, std::memory_order_seq_cst);
        while (admission_wait* const wait = next_decided()) {
            runnable& waiter = *wait->self;
            if (wait->root != nullptr && wait->decided == admission_wait::outcome::admitted) {
                wait->root->launch(&engine_->roots());
            }
            waiter.home->ready(waiter);
        }
        deciding_.store(false, std::memory_order_seq_cst);
    }
}

void admission_gate::tick(instant now) noexcept {
    if (saturation_.is_due(now)) {
        saturation_.sample(engine_->signals(now), now);
        tasks_seen_.store(
            static_cast<std::uint64_t>(std::max<std::int64_t>(engine_->tasks_alive(), 0)),
            std::memory_order_relaxed);
        note_end();
    }
}

}  // namespace drama::inline v0::internal
