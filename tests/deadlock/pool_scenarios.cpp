// SPDX-License-Identifier: Apache-2.0
// D1, D9, D16: threads that wait, and what stands behind them.
#include <array>
#include <atomic>
#include <memory>

#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"
#include "tests/deadlock/arena.hpp"

namespace drama::deadlock {
namespace {

void few_threads(runtime_options& options, std::size_t size) {
    options.blocking_threads_max = size;
}

// D1: as many calls as there are threads, each of which waits for one more call.

struct nested {
    arena* all = nullptr;
    std::atomic<std::size_t> done{0};
};

int inner_call(nested* in) {
    ++in->done;
    return 1;
}

int outer_call(nested* in, tenant payer) {
    auto inner = start_blocking(in->all->rt->handle(), payer, inner_call, in);
    auto waited = inner.wait();
    return waited ? *waited : 0;
}

task<result<void>> call_nested(nested* in, tenant payer) {
    DRAMA_CO_TRY(const int got, co_await blocking(outer_call, in, payer));
    in->all->check(got == 1, "a nested call failed");
    co_return result<void>();
}

std::shared_ptr<void> start_nested(arena& all) {
    auto made = std::make_shared<nested>();
    made->all = &all;
    for (std::size_t i = 0; i < 2 * all.size; ++i) {
        all.start(i % 2, call_nested, made.get(), all.tenant_of((i + 1) % 2));
    }
    return made;
}

void judge_nested(arena& all, void* state) {
    all.check(static_cast<nested*>(state)->done == 2 * all.size, "a nested call did not run");
}

// D9: a thread that waits for a call while it holds a lock runs nothing else meanwhile.

struct holding {
    arena* all = nullptr;
    std::atomic<const void*> holder{nullptr};  ///< the thread that holds the lock and waits
    std::atomic<int> ran{0};
};

int awaited_call(holding* in, duration cost) {
    if (in->all->sim != nullptr) {
        sim::block(cost);
    }
    return 1;
}

int hold_and_wait(holding* in, tenant payer, duration cost) {
    auto inner = start_blocking(in->all->rt->handle(), payer, awaited_call, in, cost);
    in->holder.store(thread_pool::current());
    auto waited = inner.wait();
    in->holder.store(nullptr);
    return waited ? 1 : 0;
}

int other_call(holding* in) {
    in->all->check(in->holder.load() != thread_pool::current(),
                   "a thread that waits under a lock ran another call");
    ++in->ran;
    return 1;
}

task<result<void>> hold_in_call(holding* in, tenant payer, duration cost) {
    DRAMA_CO_TRY(const int got, co_await blocking(hold_and_wait, in, payer, cost));
    in->all->check(got == 1, "the awaited call failed");
    co_return result<void>();
}

task<result<void>> call_other(holding* in, duration after) {
    auto slept = co_await sleep_for(after);
    if (!slept) {
        co_return fail(slept.error());
    }
    DRAMA_CO_TRY(const int got, co_await blocking(other_call, in));
    static_cast<void>(got);
    co_return result<void>();
}

std::shared_ptr<void> start_holding(arena& all) {
    auto made = std::make_shared<holding>();
    made->all = &all;
    all.start(1, hold_in_call, made.get(), all.tenant_of(2), all.some(300us));
    for (std::size_t i = 0; i < 4 * all.size; ++i) {
        all.start(1 + i % 2, call_other, made.get(), all.some(200us));
    }
    return made;
}

void judge_holding(arena& all, void* state) {
    all.check(static_cast<holding*>(state)->ran == static_cast<int>(4 * all.size),
              "a call did not run");
}

// D16: a task keeps its worker while the one that it has woken, and that would let it go, stands in
// the worker's own slot.

struct kept {
    arena* all = nullptr;
    std::atomic<bool> is_free{false};
    std::atomic<std::int64_t> took_ns{0};
};

task<void> set_free(kept* in) {
    in->is_free.store(true);
    co_return;
}

// Spins, as a loop over an atomic would.
task<result<void>> keep_the_worker(scope_handle scope, kept* in) {
    auto child = scope.spawn(set_free, in);
    in->all->check(child.has_value(), "a child was refused");
    runnable& self = co_await this_task();
    const instant began = self.home->now();
    while (!in->is_free.load()) {
        sim::spend(10us);
    }
    in->took_ns = (self.home->now() - began).count();
    co_return result<void>();
}

task<result<void>> keep_in_scope(kept* in) {
    co_return co_await in_scope(keep_the_worker, in);
}

std::shared_ptr<void> start_kept(arena& all) {
    auto made = std::make_shared<kept>();
    made->all = &all;
    all.start(1, keep_in_scope, made.get());
    return made;
}

// Another worker runs it within a millisecond. Where there is no other the core itself has to
// change hands: after `hand_over_after`, of which the watchdog is sure one look later.
void judge_kept(arena& all, void* state) {
    const duration took(static_cast<kept*>(state)->took_ns.load());
    const duration most = all.size == 1 ? 1600us : 1000us;
    all.check(all.sim == nullptr || took <= most,
              "the woken task waited for " + std::to_string(took / 1us) + " us");
}

constexpr scenario scenarios[] = {
    {"D1", start_nested, nullptr, judge_nested, few_threads},
    {"D9", start_holding, nullptr, judge_holding, few_threads},
    {"D16", start_kept, nullptr, judge_kept},
};

}  // namespace

std::span<const scenario> pool_scenarios() {
    return scenarios;
}

}  // namespace drama::deadlock
