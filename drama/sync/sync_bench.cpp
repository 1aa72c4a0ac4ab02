// SPDX-License-Identifier: Apache-2.0
// What primitives cost while nobody waits: one task, one thread.
#include <benchmark/benchmark.h>

#include "drama/sync/channel.hpp"
#include "drama/sync/mutex.hpp"
#include "drama/sync/semaphore.hpp"
#include "drama/sync/shared_mutex.hpp"
#include "tests/support/test_host.hpp"

namespace drama {
namespace {

using testing::test_host;

task<void> lock_often(benchmark::State* state) {
    mutex lock;
    for ([[maybe_unused]] auto step : *state) {
        auto guard = co_await lock.lock();
        benchmark::DoNotOptimize(guard);
    }
}

task<void> share_often(benchmark::State* state) {
    shared_mutex lock;
    for ([[maybe_unused]] auto step : *state) {
        auto guard = co_await lock.lock_shared();
        benchmark::DoNotOptimize(guard);
    }
}

task<void> acquire_often(benchmark::State* state) {
    semaphore permits(8);
    for ([[maybe_unused]] auto step : *state) {
        auto permit = co_await permits.acquire();
        benchmark::DoNotOptimize(permit);
    }
}

task<void> push_and_pop_often(benchmark::State* state) {
    channel<int> values(16);
    for ([[maybe_unused]] auto step : *state) {
        auto pushed = co_await values.push(1);
        auto popped = co_await values.pop();
        benchmark::DoNotOptimize(pushed);
        benchmark::DoNotOptimize(popped);
    }
}

template <task<void> (*Loop)(benchmark::State*)>
void run(benchmark::State& state) {
    test_host host;
    host.run(Loop, &state);
}

BENCHMARK(run<lock_often>)->Name("mutex_lock_unlock");
BENCHMARK(run<share_often>)->Name("shared_mutex_lock_shared_unlock");
BENCHMARK(run<acquire_often>)->Name("semaphore_acquire_release");
BENCHMARK(run<push_and_pop_often>)->Name("channel_push_pop");

}  // namespace
}  // namespace drama
