// SPDX-License-Identifier: Apache-2.0
// Values between tasks: ping-pong over two channels of capacity 1, streams over one of 1024.
#include "bench/micro_bench.hpp"
#include "drama/coro/scope.hpp"
#include "drama/sync/channel.hpp"

namespace drama::bench {
namespace {

constexpr int near_rounds = 500'000;
constexpr int far_rounds = 50'000;

task<result<void>> echo_items(channel<int>* in, channel<int>* out, int count) {
    for (int i = 0; i < count; ++i) {
        auto item = co_await in->pop();
        if (!item) {
            co_return fail(item.error());
        }
        auto pushed = co_await out->push(*item);
        if (!pushed) {
            co_return fail(pushed.error());
        }
    }
    co_return result<void>();
}

struct table {
    channel<int> there{1};
    channel<int> back{1};
};

task<result<void>> play(scope_handle scope, table* on, int rounds, bool on_two_cores) {
    runnable& self = co_await this_task();
    auto partner = scope.spawn(echo_items, &on->there, &on->back, rounds);
    if (!partner) {
        co_return fail(partner.error());
    }
    if (on_two_cores) {  // each stays on its own: every wake crosses
        self.pinned = true;
        partner->get()->pinned = true;
        partner->get()->core = static_cast<std::uint16_t>(1 - self.core);
    }
    for (int i = 0; i < rounds; ++i) {
        auto pushed = co_await on->there.push(i);
        if (!pushed) {
            co_return fail(pushed.error());
        }
        auto item = co_await on->back.pop();
        if (!item) {
            co_return fail(item.error());
        }
    }
    co_return result<void>();
}

task<result<void>> rounds_of_play(int rounds, bool on_two_cores) {
    table on;
    co_return co_await in_scope(play, &on, rounds, on_two_cores);
}

double ping_pong(runtime& rt) {
    return per_operation(rt, near_rounds, rounds_of_play, near_rounds, false);
}

double ping_pong_across(runtime& rt) {
    return per_operation(rt, far_rounds, rounds_of_play, far_rounds, true);
}

task<result<void>> produce(channel<int>* out, int count) {
    for (int i = 0; i < count; ++i) {
        auto pushed = co_await out->push(i);
        if (!pushed) {
            co_return fail(pushed.error());
        }
    }
    co_return result<void>();
}

task<result<void>> consume(scope_handle scope, channel<int>* items, int producers, int count) {
    for (int i = 0; i < producers; ++i) {
        auto producer = scope.spawn(produce, items, count / producers);
        if (!producer) {
            co_return fail(producer.error());
        }
    }
    for (int i = 0; i < count; ++i) {
        auto item = co_await items->pop();
        if (!item) {
            co_return fail(item.error());
        }
    }
    co_return result<void>();
}

// The channel outlives the scope that uses it.
task<result<void>> transfer(int producers, int count) {
    channel<int> items(1024);
    co_return co_await in_scope(consume, &items, producers, count);
}

double channel_1to1(runtime& rt) {
    return per_operation(rt, million, transfer, 1, million);
}

double channel_4to1(runtime& rt) {
    return per_operation(rt, million, transfer, 4, million);
}

constexpr named_form forms[] = {
    {"ping_pong", "ns per round trip", ping_pong},
    {"ping_pong_across", "ns per round trip", ping_pong_across, 2},
    {"channel", "ns per item", channel_1to1},
    {"channel_4to1", "ns per item", channel_4to1},
};

}  // namespace

std::span<const named_form> channel_forms() noexcept {
    return forms;
}

}  // namespace drama::bench
