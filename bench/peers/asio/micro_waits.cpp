// SPDX-License-Identifier: Apache-2.0
// Timers, and calls on a thread pool of Asio's default size.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>

#include "micro.hpp"
#include "offload.hpp"

namespace micro {
namespace {

/// 1 to 100 ms.
std::chrono::microseconds next_span(std::uint64_t& state) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return std::chrono::microseconds(1000 + state % 99'001);
}

asio::awaitable<void> sleep_often(std::uint64_t index, int sleeps) {
    std::uint64_t state = (index + 1) * 0x9E37'79B9'7F4A'7C15;
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor);
    for (int i = 0; i < sleeps; ++i) {
        timer.expires_after(next_span(state));
        co_await timer.async_wait(asio::use_awaitable);
    }
}

asio::awaitable<void> start_timers(int tasks, int sleeps) {
    const auto executor = co_await asio::this_coro::executor;
    for (int i = 0; i < tasks; ++i) {
        asio::co_spawn(executor, sleep_often(static_cast<std::uint64_t>(i), sleeps),
                       asio::detached);
    }
}

asio::awaitable<void> sleep_long() {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, std::chrono::hours(1));
    co_await timer.async_wait(asio::use_awaitable);
}

asio::thread_pool* pool() {
    static asio::thread_pool threads;
    return &threads;
}

void no_work() {
}

asio::awaitable<void> call_often(int count) {
    for (int i = 0; i < count; ++i) {
        co_await offload(pool(), no_work);
    }
}

asio::awaitable<void> time_calls(int count, std::vector<double>* spans) {
    for (int i = 0; i < count; ++i) {
        const auto began = std::chrono::steady_clock::now();
        co_await offload(pool(), no_work);
        const std::chrono::duration<double, std::nano> took =
            std::chrono::steady_clock::now() - began;
        spans->push_back(took.count());
    }
    std::sort(spans->begin(), spans->end());
}

}  // namespace

void timers_10k(asio::io_context& context, int) {
    asio::co_spawn(context, start_timers(10'000, 20), asio::detached);
}

void timers_100k(asio::io_context& context, int) {
    asio::co_spawn(context, start_timers(100'000, 10), asio::detached);
}

void sleepers(asio::io_context& context) {
    for (long i = 0; i < million; ++i) {
        asio::co_spawn(context, sleep_long(), asio::detached);
    }
}

void blocking(asio::io_context& context, std::vector<double>& spans) {
    asio::co_spawn(context, time_calls(20'000, &spans), asio::detached);
}

void blocking_64(asio::io_context& context, int) {
    for (int i = 0; i < 64; ++i) {
        asio::co_spawn(context, call_often(2000), asio::detached);
    }
}

}  // namespace micro
