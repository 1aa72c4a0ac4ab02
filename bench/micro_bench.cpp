// SPDX-License-Identifier: Apache-2.0
// The basics, measured: `micro_bench [--threads N] [--runs N] [--only NAME]`. Each run starts a
// fresh runtime; printed are the median, least and greatest of the runs, and what a sleeping task
// costs.
#include "bench/micro_bench.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/sync/channel.hpp"

namespace drama::bench {

std::int64_t now_ns() {
    static const clock machine;
    return machine.now().time_since_epoch().count();
}

namespace {

constexpr int million = 1'000'000;

template <class F, class... Args>
double per_operation(runtime& rt, int operations, F f, Args... args) {
    const std::int64_t began = now_ns();
    const auto done = rt.sync_wait(rt.tenants().get_or_create("bench"), f, args...);
    if (!done) {
        std::fprintf(stderr, "benchmark failed: %s\n", done.error().message().c_str());
        std::exit(1);
    }
    return static_cast<double>(now_ns() - began) / operations;
}

task<void> nothing() { co_return; }

task<result<void>> spawn_all(scope_handle scope, int count) {
    for (int i = 0; i < count; ++i) {
        auto child = scope.spawn(nothing);
        if (!child) {
            co_return fail(child.error());
        }
        if (i % 256 == 255) {  // a long loop stays polite
            auto gone_on = co_await checkpoint();
            if (!gone_on) {
                co_return fail(gone_on.error());
            }
        }
    }
    co_return result<void>();
}

task<result<void>> spawn_and_join(int count) { co_return co_await in_scope(spawn_all, count); }

double spawn_join(runtime& rt) { return per_operation(rt, million, spawn_and_join, million); }

task<result<void>> yield_times(int count) {
    for (int i = 0; i < count; ++i) {
        auto gone_on = co_await yield_now();
        if (!gone_on) {
            co_return fail(gone_on.error());
        }
    }
    co_return result<void>();
}

task<result<void>> spawn_yielders(scope_handle scope, int tasks, int yields) {
    for (int i = 0; i < tasks; ++i) {
        auto child = scope.spawn(yield_times, yields);
        if (!child) {
            co_return fail(child.error());
        }
    }
    co_return result<void>();
}

task<result<void>> all_yield(int tasks, int yields) {
    co_return co_await in_scope(spawn_yielders, tasks, yields);
}

double yield(runtime& rt) { return per_operation(rt, million, all_yield, 1000, 1000); }

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

task<result<void>> play(scope_handle scope, int rounds) {
    channel<int> there(1);
    channel<int> back(1);
    auto partner = scope.spawn(echo_items, &there, &back, rounds);
    if (!partner) {
        co_return fail(partner.error());
    }
    for (int i = 0; i < rounds; ++i) {
        auto pushed = co_await there.push(i);
        if (!pushed) {
            co_return fail(pushed.error());
        }
        auto item = co_await back.pop();
        if (!item) {
            co_return fail(item.error());
        }
    }
    auto joined = co_await partner->join();
    co_return joined;
}

task<result<void>> ping_pong_rounds(int rounds) { co_return co_await in_scope(play, rounds); }

double ping_pong(runtime& rt) { return per_operation(rt, 500'000, ping_pong_rounds, 500'000); }

task<result<void>> produce(channel<int>* out, int count) {
    for (int i = 0; i < count; ++i) {
        auto pushed = co_await out->push(i);
        if (!pushed) {
            co_return fail(pushed.error());
        }
    }
    co_return result<void>();
}

task<result<void>> transfer(scope_handle scope, int count) {
    channel<int> items(1024);
    auto producer = scope.spawn(produce, &items, count);
    if (!producer) {
        co_return fail(producer.error());
    }
    for (int i = 0; i < count; ++i) {
        auto item = co_await items.pop();
        if (!item) {
            co_return fail(item.error());
        }
    }
    auto joined = co_await producer->join();
    co_return joined;
}

task<result<void>> channel_items(int count) { co_return co_await in_scope(transfer, count); }

double channel_transfer(runtime& rt) {
    return per_operation(rt, million, channel_items, million);
}

task<result<void>> sleep_once(int index) {
    auto slept = co_await sleep_for(std::chrono::microseconds(1000 + index % 1000));
    co_return slept;
}

task<result<void>> spawn_sleepers(scope_handle scope, int count) {
    for (int i = 0; i < count; ++i) {
        auto child = scope.spawn(sleep_once, i);
        if (!child) {
            co_return fail(child.error());
        }
        if (i % 256 == 255) {
            auto gone_on = co_await checkpoint();
            if (!gone_on) {
                co_return fail(gone_on.error());
            }
        }
    }
    co_return result<void>();
}

task<result<void>> all_sleep(int count) { co_return co_await in_scope(spawn_sleepers, count); }

double timers(runtime& rt) { return per_operation(rt, 200'000, all_sleep, 200'000); }

int no_work() { return 1; }

task<result<void>> call_blocking(int count) {
    for (int i = 0; i < count; ++i) {
        auto called = co_await blocking(no_work);
        if (!called) {
            co_return fail(called.error());
        }
    }
    co_return result<void>();
}

double blocking_round_trip(runtime& rt) {
    return per_operation(rt, 50'000, call_blocking, 50'000);
}

task<result<void>> start_pinned_echo(scope_handle scope, int rounds) {
    channel<int> there(1);
    channel<int> back(1);
    runnable& self = co_await this_task();
    auto partner = scope.spawn(echo_items, &there, &back, rounds);
    if (!partner) {
        co_return fail(partner.error());
    }
    // Each stays on its own core: every wake crosses.
    self.pinned = true;
    partner->get()->pinned = true;
    partner->get()->core = static_cast<std::uint16_t>(self.core + 1);
    for (int i = 0; i < rounds; ++i) {
        auto pushed = co_await there.push(i);
        if (!pushed) {
            co_return fail(pushed.error());
        }
        auto item = co_await back.pop();
        if (!item) {
            co_return fail(item.error());
        }
    }
    auto joined = co_await partner->join();
    co_return joined;
}

task<result<void>> across(int rounds) { co_return co_await in_scope(start_pinned_echo, rounds); }

double ping_pong_across(runtime& rt) { return per_operation(rt, 50'000, across, 50'000); }

constexpr named_form forms[] = {
    {"spawn_join", "ns per task", spawn_join},
    {"yield", "ns per yield", yield},
    {"ping_pong", "ns per round trip", ping_pong},
    {"ping_pong_across", "ns per round trip", ping_pong_across},
    {"channel", "ns per item", channel_transfer},
    {"timers", "ns per sleep", timers},
    {"blocking", "ns per round trip", blocking_round_trip},
    {"echo", "ns per round trip", echo_round_trip},
};

void measure(const named_form& which, std::size_t threads, int runs) {
    std::vector<double> seen;
    for (int run = 0; run < runs; ++run) {
        runtime_options options;
        options.workers = threads;
        runtime rt(options);
        if (!rt.start()) {
            std::fprintf(stderr, "cannot start a runtime\n");
            std::exit(1);
        }
        seen.push_back(which.run(rt));
        static_cast<void>(rt.stop());
    }
    std::sort(seen.begin(), seen.end());
    std::printf("%-18s %zu thread%s %10.1f %s (min %.1f, max %.1f, %d runs)\n", which.name, threads,
                threads == 1 ? " " : "s", seen[seen.size() / 2], which.unit, seen.front(),
                seen.back(), runs);
    std::fflush(stdout);
}

}  // namespace
}  // namespace drama::bench

int main(int argc, char** argv) {
    std::size_t threads = 0;
    int runs = 5;
    std::string only;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (std::strcmp(argv[i], "--threads") == 0) {
            threads = static_cast<std::size_t>(std::atoi(argv[i + 1]));
        } else if (std::strcmp(argv[i], "--runs") == 0) {
            runs = std::max(1, std::atoi(argv[i + 1]));
        } else if (std::strcmp(argv[i], "--only") == 0) {
            only = argv[i + 1];
        } else {
            std::fprintf(stderr, "usage: micro_bench [--threads N] [--runs N] [--only NAME]\n");
            return 2;
        }
    }
    for (const auto& each : drama::bench::forms) {
        if (!only.empty() && only != each.name) {
            continue;
        }
        for (const std::size_t count : {std::size_t{1}, std::size_t{2}}) {
            if (threads == 0 || threads == count) {
                drama::bench::measure(each, count, runs);
            }
        }
    }
    if (only.empty() || only == "memory") {
        for (const int tasks : {100'000, drama::bench::million}) {
            drama::bench::measure_memory(threads == 0 ? 1 : threads, tasks);
        }
    }
    return 0;
}
