// SPDX-License-Identifier: Apache-2.0
#include "drama/runtime/runtime.hpp"

#include <algorithm>
#include <array>

#include "drama/runtime/engine.hpp"
#include "drama/runtime/world/real_world.hpp"

namespace drama::inline v0 {
namespace internal {

host& host_of(engine& in) noexcept {
    return in;
}
scope_state& roots_of(engine& in) noexcept {
    return in.roots();
}
tenant_registry& tenants_of(engine& in) noexcept {
    return in.tenants();
}
thread_pool& blocking_pool_of(engine& in) noexcept {
    return in.blocking();
}

engine* current_engine() noexcept {
    runnable* const running = current_runnable();
    return running != nullptr ? static_cast<engine*>(running->home) : nullptr;
}

saturation_state saturation_of(const engine& in) noexcept {
    return in.gate().state().read();
}

duration accept_pause() noexcept {
    const engine* const in = current_engine();
    return in == nullptr ? duration::zero() : in->gate().state().accept_pause();
}

result<void> may_wait(engine& in, const std::source_location& at) noexcept {
    if (current_worker() == nullptr) {
        return {};
    }
    in.log(describe_refused_wait(at));
    return fail(errc::would_deadlock);
}

void wait_for(engine& in, spawned& root) noexcept {
    pool_thread* const mine = thread_pool::current();
    if (mine != nullptr) {
        mine->owner().begin_absence(*mine, {.root = &root});
    }
    const std::unique_ptr<parker> spot = in.where().make_parker();
    root.wait_foreign(
        [](void* place) noexcept { static_cast<parker*>(place)->unpark(); },
        [](void* place) noexcept { static_cast<parker*>(place)->park(duration::max()); },
        spot.get());
    if (mine != nullptr) {
        mine->owner().end_absence(*mine);
    }
}

}  // namespace internal

runtime::runtime(runtime_options options)
    : own_world_(std::make_unique<real_world>()),
      engine_(std::make_unique<internal::engine>(*own_world_, std::move(options))) {
}

runtime::runtime(world& in, runtime_options options)
    : engine_(std::make_unique<internal::engine>(in, std::move(options))) {
}

runtime::~runtime() {
    if (const auto stopped = stop(); !stopped && stopped.error() == errc::would_deadlock) {
        // The last reference was dropped by a thread of its own: it ends by itself.
        engine_->request_stop();
        left_to_itself_ = true;
    }
    if (left_to_itself_) {
        // Threads that are in user code still use both: keep them for ever.
        static_cast<void>(engine_.release());
        static_cast<void>(own_world_.release());
    }
}

result<void> runtime::start() {
    return engine_->start();
}

result<void> runtime::stop() noexcept {
    if (left_to_itself_) {
        return {};
    }
    auto stopped = engine_->stop();
    if (!stopped && stopped.error() != errc::would_deadlock) {
        engine_->detach_threads();
        left_to_itself_ = true;
    }
    return stopped;
}

std::string runtime::io_name() const {
    return engine_->is_running() ? engine_->io().name() : "";
}

runtime_stats runtime::stats() const {
    runtime_stats seen;
    seen.tasks_alive = engine_->tasks_alive();
    seen.hand_overs = engine_->guard().hand_overs();
    seen.stalls = engine_->guard().stalls();
    seen.hand_overs_without_permit = engine_->permits().overcommitted();
    seen.blocking_threads = engine_->blocking().threads();
    seen.blocking_queued = engine_->blocking().queued();
    seen.compute_threads = engine_->compute().threads();
    seen.compute_queued = engine_->compute().queued();
    seen.burning_threads = engine_->burning.load(std::memory_order_relaxed);
    seen.queued = engine_->async_queue().size();
    seen.disk_queued = engine_->disk().queued();
    seen.disk_in_flight = engine_->disk().in_flight();
    const instant now = engine_->now();
    for (const auto& each : engine_->cores()) {
        const internal::core_time::figures spent = each->time.at(now);
        seen.worker_own += spent.own;
        seen.worker_idle += spent.idle;
        seen.worker_lost += spent.lost;
        seen.worker_wall += now - each->time.began();
    }
    return seen;
}

duration runtime::lag_of(const tenant& of, queue_id queue) const noexcept {
    const tenant_record& record = of.record();
    if (queue == queue_id::net || record.waiting_since(queue) == never) {
        return duration::zero();
    }
    const std::array clocks{&engine_->async_queue().clock(), &engine_->compute().clock(),
                            &engine_->blocking().clock(), &engine_->disk().clock()};
    return owed_to(record.share(), queue, *clocks[static_cast<std::size_t>(queue)], engine_->now());
}

std::vector<decision> runtime::decisions_of(const tenant& of) {
    return engine_->decisions().watch(of.record(), engine_->now());
}

void runtime::forget_old_decisions() noexcept {
    engine_->decisions().forget_idle(engine_->now());
}

instant runtime::now() const noexcept {
    return engine_->now();
}

// A tenant of the workers' queue is held while it is ahead of the clock and others are served.
hold_figures runtime::held_in(const tenant& of, queue_id queue) const noexcept {
    tenant_record& record = of.record();
    hold_figures sum = record.held_in(queue);
    const instant now = engine_->now();
    const auto queued = record.queued();
    if (queue == queue_id::compute && queued.compute != 0) {
        sum.add(engine_->compute().hold_so_far(record, now));
    } else if (queue == queue_id::blocking && queued.blocking != 0) {
        sum.add(engine_->blocking().hold_so_far(record, now));
    } else if (queue == queue_id::disk && queued.disk != 0) {
        sum.add(engine_->disk().hold_so_far(record, now));
    } else if (queue == queue_id::async && lag_of(of, queue) < duration::zero()) {
        for (const auto& core : engine_->cores()) {
            std::size_t items = 0;
            const instant since = record.held_since_on(core->index, items);
            if (since == long_ago || since >= now) {
                continue;
            }
            auto other = core->shard.served().most_since(since, record.share());
            other.used = std::min(other.used, now - since);
            if (other.who != nullptr) {
                sum.add({hold_cause::ahead_of_share, now - since, items, other});
            }
        }
    }
    return sum;
}

duration runtime::oldest_wait_of(const tenant& of, queue_id queue) const noexcept {
    const instant since = of.record().waiting_since(queue);
    return since == never ? duration::zero() : std::max(engine_->now() - since, duration::zero());
}

}  // namespace drama::inline v0
