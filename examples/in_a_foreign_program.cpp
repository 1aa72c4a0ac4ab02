// SPDX-License-Identifier: Apache-2.0
// A program that owns main and its threads, and uses drama for a part of its work: start, spawn
// from any thread, stop.
#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

#include "drama/coro/sleep.hpp"
#include "drama/runtime/runtime.hpp"

using namespace drama;

namespace {

task<void> handle(std::atomic<int>* done) {
    auto slept = co_await sleep_for(1ms);
    if (slept) {
        done->fetch_add(1);
    }
}

void producer(runtime_handle rt, std::atomic<int>* done, std::atomic<int>* refused) {
    for (int i = 0; i < 100; ++i) {
        if (!rt.spawn(rt.tenant("gold"), handle, done)) {
            refused->fetch_add(1);
        }
    }
}

}  // namespace

int main() {
    runtime rt;
    if (const auto started = rt.start(); !started) {
        std::fprintf(stderr, "%s\n", started.error().message().c_str());
        return 1;
    }
    std::atomic<int> done{0};
    std::atomic<int> refused{0};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back(producer, rt.handle(), &done, &refused);
        }
    }
    while (done.load() + refused.load() < 400) {
        std::this_thread::yield();  // this program's own loop
    }
    if (const auto stopped = rt.stop(); !stopped) {
        std::fprintf(stderr, "%s\n", stopped.error().message().c_str());
        return 1;
    }
    std::printf("%d of 400 handled, %d refused\n", done.load(), refused.load());
    return done.load() + refused.load() == 400 ? 0 : 1;
}
