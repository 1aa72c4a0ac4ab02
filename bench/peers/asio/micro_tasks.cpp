// SPDX-License-Identifier: Apache-2.0
// Spawning, giving way, fork and join.
#include <array>
#include <atomic>
#include <memory>

#include "micro.hpp"

namespace micro {
namespace {

asio::awaitable<void> nothing() {
    co_return;
}

// Joined by the context's run(): it returns when nothing is left.
asio::awaitable<void> spawn_range(long count) {
    const auto executor = co_await asio::this_coro::executor;
    for (long i = 0; i < count; ++i) {
        asio::co_spawn(executor, nothing(), asio::detached);
    }
}

asio::awaitable<void> yield_times(int count) {
    for (int i = 0; i < count; ++i) {
        co_await asio::post(asio::use_awaitable);
    }
}

/// A node that waits for its children's sums and hands its own up.
struct node {
    asio::io_context* context;
    node* parent;
    std::atomic<int> pending;
    std::atomic<long> sum{0};
};

// The last child to end takes its parent with it.
void hand_up(node* to, long value) {
    while (to != nullptr) {
        to->sum.fetch_add(value, std::memory_order_relaxed);
        if (to->pending.fetch_sub(1, std::memory_order_acq_rel) != 1) {
            return;
        }
        value = to->sum.load(std::memory_order_relaxed);
        node* const done = to;
        to = to->parent;
        delete done;
        if (to == nullptr) {
            check(value == million * (million - 1) / 2 || value == 832'040);
        }
    }
}

void skynet_from(asio::io_context* context, node* parent, long number, long size) {
    if (size == 1) {
        hand_up(parent, number);
        return;
    }
    node* const here = new node{context, parent, 10};
    const long part = size / 10;
    for (long i = 0; i < 10; ++i) {
        asio::post(*context, [context, here, number, part, i] {
            skynet_from(context, here, number + i * part, part);
        });
    }
}

void fib_from(asio::io_context* context, node* parent, int n) {
    while (n >= 2) {
        node* const here = new node{context, parent, 2};
        asio::post(*context, [context, here, n] { fib_from(context, here, n - 1); });
        parent = here;
        n -= 2;
    }
    hand_up(parent, n);
}

}  // namespace

void spawn_join(asio::io_context& context, int) {
    asio::co_spawn(context, spawn_range(million), asio::detached);
}

void spawn_two(asio::io_context& context, int) {
    asio::co_spawn(context, spawn_range(million / 2), asio::detached);
    asio::co_spawn(context, spawn_range(million / 2), asio::detached);
}

void yields(asio::io_context& context, int) {
    for (int i = 0; i < 1000; ++i) {
        asio::co_spawn(context, yield_times(1000), asio::detached);
    }
}

void skynet(asio::io_context& context, int) {
    asio::post(context, [&context] { skynet_from(&context, nullptr, 0, million); });
}

void fib(asio::io_context& context, int) {
    asio::post(context, [&context] { fib_from(&context, nullptr, 30); });
}

}  // namespace micro
