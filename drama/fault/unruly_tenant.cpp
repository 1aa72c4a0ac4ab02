// SPDX-License-Identifier: Apache-2.0
#include "drama/fault/unruly_tenant.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/io_await.hpp"

namespace drama::inline v0 {
namespace {

constexpr std::size_t kept_permits_max = 1'000;
constexpr std::size_t memory_bytes = 2'048;

// Passes time of the world in small pieces, so that a burst is seen to last.
void burn(duration length) noexcept {
    if (fault_time* const time = faults_of_this_thread().time; time != nullptr) {
        time->pass(length, true);
    }
}

task<void> do_nothing() {
    co_return;
}

task<void> take_a_turn() {
    co_await yield_now();
}

task<void> sleep_a_little() {
    auto slept = co_await sleep_for(1ms);
    static_cast<void>(slept);
}

int call_nothing() {
    return 0;
}

task<void> call_in_pool() {
    auto called = co_await blocking(call_nothing);
    static_cast<void>(called);
}

task<void> hold_memory() {
    std::array<char, memory_bytes> held{};
    co_await yield_now();
    static_cast<volatile char&>(held[0]) = 1;
}

task<void> connect_to(const socket_address* where) {
    io_system& io = internal::current_io();
    auto opened = io.open_socket(where->family(), SOCK_STREAM, 0);
    if (!opened) {
        co_return;
    }
    socket_address there = *where;
    io_wait connecting(op_code::connect, work_class::read, std::source_location::current());
    connecting.op().fd = *opened;
    connecting.op().address = there.data();
    connecting.op().length = there.size();
    auto connected = co_await connecting;
    static_cast<void>(connected);
    internal::current_io().close(*opened);
}

// Children of admitted work are admitted without end: what bounds them is the tenant's own share.
task<void> flood(scope_handle children, task<void> (*work)(), std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        if (!children.spawn(work)) {
            co_return;  // no memory
        }
    }
}

task<void> flood_connections(scope_handle children, const socket_address* where,
                             std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        if (!children.spawn(connect_to, where)) {
            co_return;
        }
    }
}

task<void> flood_as_planned(const unruly_options* how) {
    struct kind_of_flood {
        std::string_view site;
        task<void> (*work)();
    };
    static constexpr std::array<kind_of_flood, 4> floods{{{"flood.tasks", take_a_turn},
                                                          {"flood.timers", sleep_a_little},
                                                          {"flood.blocking", call_in_pool},
                                                          {"flood.memory", hold_memory}}};
    for (const kind_of_flood& each : floods) {
        if (const auto count = decide_here(fault_kind::tenant_floods, each.site)) {
            co_await in_scope(flood, each.work, *count);
        }
    }
    if (how->connects_to) {
        const auto count = decide_here(fault_kind::tenant_floods, "flood.connections");
        if (count) {
            co_await in_scope(flood_connections, &*how->connects_to, *count);
        }
    }
}

task<void> keep_permits(tenant self, duration length) {
    std::vector<request_permit> kept;
    while (kept.size() < kept_permits_max) {
        auto admitted = self.try_admit();
        if (!admitted) {
            break;
        }
        kept.push_back(std::move(*admitted));
    }
    auto slept = co_await sleep_for(length);
    static_cast<void>(slept);
}

void change_options(tenant self, std::int64_t form) {
    tenant_options options;
    if (form == 0) {
        options.weight = 0.25;
        options.latency = latency::high;
    } else {
        options.limit = {.tasks = 1, .requests = 1, .blocking_queue = 1};
    }
    self.set(options);
}

int call_and_throw() {
    throw_point("tenant.callback");
    return 0;
}

task<void> call_what_throws() {
    try {
        auto called = co_await blocking(call_and_throw);
        static_cast<void>(called);
    } catch (const injected_fault&) {
        co_return;  // it came through the pool
    }
}

task<void> misbehave(runtime_handle in, tenant self, const unruly_options* how) {
    const posting_destructor last(in, self);
    co_await flood_as_planned(how);
    if (const auto length = decide_here(fault_kind::tenant_never_yields, "tenant.turn")) {
        burn(duration(*length));
    }
    if (const auto length = decide_here(fault_kind::tenant_leaks_permits, "tenant.request")) {
        co_await keep_permits(self, duration(*length));
    }
    if (const auto form = decide_here(fault_kind::tenant_reconfigured, "tenant.options")) {
        change_options(self, *form);
    }
    co_await call_what_throws();
}

task<void> resist_stop(runtime_handle in, tenant self) {
    if (const auto count = decide_here(fault_kind::tenant_fills_shutdown, "tenant.stop")) {
        for (std::int64_t i = 0; i < *count; ++i) {
            static_cast<void>(in.spawn(self, take_a_turn));  // refused or not
        }
        co_await in_scope(flood, call_in_pool, *count);
    }
    if (const auto length = decide_here(fault_kind::tenant_ignores_stop, "tenant.stop")) {
        const runnable& task = co_await this_task();
        const instant until = saturating_add(task.home->now(), duration(*length));
        while (task.home->now() < until) {
            burn(100us);
            co_await yield_now();  // which says each time that it shall stop
        }
    }
}

}  // namespace

posting_destructor::~posting_destructor() {
    if (decide_here(fault_kind::destructor_posts, "tenant.destructor")) {
        static_cast<void>(in_.spawn(payer_, do_nothing));
    }
}

task<void> unruly_tenant(runtime_handle in, tenant self, unruly_options how) {
    for (std::uint64_t round = 0; round < how.rounds; ++round) {
        auto slept = co_await sleep_for(how.pause);
        if (!slept) {
            break;
        }
        co_await misbehave(in, self, &how);
    }
    const runnable& task = co_await this_task();
    if (task.is_stopping()) {
        co_await resist_stop(in, self);
    }
}

}  // namespace drama::inline v0
