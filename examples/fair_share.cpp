// SPDX-License-Identifier: Apache-2.0
// Two tenants want more than there is: with weights 3 and 1 they get three quarters and one quarter
// of one worker, though the second has ten times as many tasks.
#include <atomic>
#include <cstdio>

#include "drama/coro/sleep.hpp"
#include "drama/coro/task.hpp"
#include "drama/runtime/runtime.hpp"

using namespace drama;

namespace {

std::atomic<bool> is_over{false};

task<void> work() {
    volatile unsigned sum = 0;
    while (!is_over.load(std::memory_order_relaxed)) {
        for (unsigned i = 0; i < 2000; ++i) {
            sum = sum + i;
        }
        auto go_on = co_await checkpoint();  // gives way when the turn is over
        if (!go_on) {
            co_return;
        }
    }
}

task<void> let_them_work(duration span) {
    auto slept = co_await sleep_for(span);
    static_cast<void>(slept);
    is_over.store(true);
}

}  // namespace

int main() {
    runtime_options options;
    options.workers = 1;
    runtime rt(options);
    const tenant gold = rt.tenants().get_or_create("gold");
    const tenant blue = rt.tenants().get_or_create("blue");
    gold.set({.weight = 3});
    if (!rt.start()) {
        return 1;
    }
    for (int i = 0; i < 22; ++i) {
        if (!rt.try_spawn(i < 2 ? gold : blue, work)) {
            return 1;
        }
    }
    if (!rt.sync_wait(rt.tenants().system(), let_them_work, 300ms) || !rt.stop()) {
        return 1;
    }
    const auto first = static_cast<double>(gold.usage().cpu_ns.read());
    const auto second = static_cast<double>(blue.usage().cpu_ns.read());
    std::printf("gold (weight 3, 2 tasks): %.0f %%, blue (weight 1, 20 tasks): %.0f %%\n",
                100 * first / (first + second), 100 * second / (first + second));
    return first > 2 * second ? 0 : 1;
}
