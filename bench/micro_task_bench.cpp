// SPDX-License-Identifier: Apache-2.0
// Spawning, giving way, fork and join.
#include <array>

#include "bench/micro_bench.hpp"
#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"

namespace drama::bench {
namespace {

task<void> nothing() {
    co_return;
}

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

task<result<void>> spawn_and_join(int count) {
    co_return co_await in_scope(spawn_all, count);
}

double spawn_join(runtime& rt) {
    return per_operation(rt, million, spawn_and_join, million);
}

task<result<void>> spawn_in_halves(int count) {
    auto both = co_await when_all(spawn_and_join(count / 2), spawn_and_join(count / 2));
    if (!both) {
        co_return fail(both.error());
    }
    co_return result<void>();
}

double spawn_two(runtime& rt) {
    return per_operation(rt, million, spawn_in_halves, million);
}

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

double yield(runtime& rt) {
    return per_operation(rt, million, all_yield, 1000, 1000);
}

task<result<long>> skynet(long number, long size);

task<result<long>> skynet_parts(scope_handle scope, long number, long size) {
    const long part = size / 10;
    std::array<join_handle<result<long>>, 10> children;
    for (long i = 0; i < 10; ++i) {
        auto child = scope.spawn(skynet, number + i * part, part);
        if (!child) {
            co_return fail(child.error());
        }
        children[static_cast<std::size_t>(i)] = *std::move(child);
    }
    long sum = 0;
    for (auto& each : children) {
        auto part_sum = co_await each.join();
        if (!part_sum) {
            co_return fail(part_sum.error());
        }
        sum += *part_sum;
    }
    co_return sum;
}

task<result<long>> skynet(long number, long size) {
    if (size == 1) {
        co_return number;
    }
    co_return co_await in_scope(skynet_parts, number, size);
}

task<result<long>> fib(int n);

task<result<long>> fib_parts(scope_handle scope, int n) {
    auto first = scope.spawn(fib, n - 1);
    if (!first) {
        co_return fail(first.error());
    }
    auto second = co_await fib(n - 2);
    if (!second) {
        co_return second;
    }
    auto joined = co_await first->join();
    if (!joined) {
        co_return joined;
    }
    co_return *joined + *second;
}

task<result<long>> fib(int n) {
    if (n < 2) {
        co_return n;
    }
    co_return co_await in_scope(fib_parts, n);
}

// A wrong sum is an error of the program's own.
task<result<void>> expect(long right, task<result<long>> work) {
    auto sum = co_await std::move(work);
    if (!sum) {
        co_return fail(sum.error());
    }
    if (*sum != right) {
        co_return fail(std::make_error_code(std::errc::result_out_of_range));
    }
    co_return result<void>();
}

task<result<void>> skynet_million() {
    constexpr long leaves = million;
    return expect(leaves * (leaves - 1) / 2, skynet(0, leaves));
}

double skynet_ms(runtime& rt) {
    return per_operation(rt, million, skynet_million);
}

task<result<void>> fib_30() {
    return expect(832'040, fib(30));
}

double fib_ms(runtime& rt) {
    return per_operation(rt, million, fib_30);
}

constexpr named_form forms[] = {
    {"spawn_join", "ns per task", spawn_join},
    {"spawn_two", "ns per task", spawn_two},
    {"yield", "ns per yield", yield},
    {"skynet", "ms", skynet_ms},
    {"fib", "ms", fib_ms},
};

}  // namespace

std::span<const named_form> task_forms() noexcept {
    return forms;
}

}  // namespace drama::bench
