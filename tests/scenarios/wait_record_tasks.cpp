// SPDX-License-Identifier: Apache-2.0
// Tasks that wait for time, other tasks, threads and synchronization.
#include "tests/scenarios/wait_record_place.hpp"

#include <gtest/gtest.h>

#include <utility>

#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama {

task<void> nap() {
    auto slept = co_await sleep_for(1h);
    static_cast<void>(slept);
}

namespace {

// Time and other tasks.

task<result<int>> fail_at_once() {
    co_return fail(errc::bad_argument);
}

task<void> leave_a_child(scope_handle in) {
    auto child = in.spawn(nap);
    EXPECT_TRUE(child);
    co_return;
}

void take_time() {
    sim::block(10ms);
}

void take_cpu() {
    sim::spend(10ms);
}

void hold_the_thread(place* at) {
    if (at->sim != nullptr) {
        sim::block(1s);
    } else {
        at->is_released.wait(false);
    }
}

task<void> hold(place* at) {
    at->is_held = true;
    co_await blocking(hold_the_thread, at);
}

task<result<void>> sleeps(place* at) {
    at->next_line();
    auto got = co_await sleep_for(1h);
    co_return done(got);
}

task<result<void>> sleeps_until(place* at) {
    const instant until = at->sim->now() + 1h;
    at->next_line();
    auto got = co_await sleep_until(until);
    co_return done(got);
}

task<result<void>> ticks(place* at) {
    interval ticks(1h);
    at->next_line();
    auto got = co_await ticks.next();
    co_return done(got);
}

task<result<void>> gives_way(place* at) {
    runnable& self = co_await this_task();
    at->object = &self;
    // The one who looks gives way as well: each turn of this one is followed by a look.
    for (;;) {
        at->next_line();
        auto got = co_await yield_now();
        if (!got) {
            co_return got;
        }
    }
}

task<result<void>> tries_again(place* at) {
    backoff schedule;
    schedule.first = 1h;
    schedule.longest = 1h;
    schedule.jitter = 0;
    at->next_line();
    auto got = co_await retry(schedule, fail_at_once);
    co_return done(got);
}

task<result<void>> joins(place* at) {
    at->holder = at->other->get();
    at->object = at->holder;
    at->next_line();
    auto got = co_await at->other->join();
    co_return done(got);
}

task<result<void>> ends_a_scope(place* at) {
    at->next_line();
    co_await in_scope(leave_a_child);
    co_return result<void>();
}

// What the library awaits shows where its root was spawned.
task<result<void>> ends_a_scope_in_time(place* at) {
    at->next_line(at->before_spawn);
    co_return co_await with_deadline(1h, in_scope(leave_a_child));
}

task<result<void>> waits_for_all(place* at) {
    at->next_line();
    auto got = co_await when_all(nap(), nap());
    co_return done(got);
}

task<result<void>> waits_for_any(place* at) {
    at->next_line();
    auto got = co_await when_any(nap(), nap());
    co_return done(got);
}

task<result<void>> blocks(place* at) {
    at->next_line();
    auto got = co_await blocking(take_time);
    co_return done(got);
}

task<result<void>> computes(place* at) {
    at->next_line();
    auto got = co_await compute(take_cpu);
    co_return done(got);
}

task<result<void>> asks_to_be_admitted(place* at) {
    at->object = &at->crowded.record();
    at->next_line();
    auto got = co_await at->crowded.admit();
    co_return done(got);
}

task<result<void>> asks_to_spawn(place* at) {
    at->object = &at->crowded.record();
    at->next_line();
    auto got = co_await spawn(at->crowded, nap);
    co_return done(got);
}

// Synchronisation. Whoever looks holds both locks.

task<result<void>> locks(place* at) {
    at->next_line();
    auto got = co_await at->lock.lock();
    co_return done(got);
}

task<result<void>> locks_to_write(place* at) {
    at->next_line();
    auto got = co_await at->many.lock();
    co_return done(got);
}

task<result<void>> locks_to_read(place* at) {
    at->next_line();
    auto got = co_await at->many.lock_shared();
    co_return done(got);
}

task<result<void>> acquires(place* at) {
    at->object = &at->room;
    at->next_line();
    auto got = co_await at->room.acquire();
    co_return done(got);
}

task<result<void>> waits_for_event(place* at) {
    at->object = &at->happened;
    at->next_line();
    auto got = co_await at->happened.wait();
    co_return done(got);
}

task<result<void>> waits_for_ring(place* at) {
    at->object = &at->rang;
    at->next_line();
    auto got = co_await at->rang.wait();
    co_return done(got);
}

task<result<void>> waits_for_change(place* at) {
    mutex own;
    DRAMA_CO_TRY(auto guard, co_await own.lock());
    at->object = &at->changed;
    at->next_line();
    auto got = co_await at->changed.wait(guard);
    co_return done(got);
}

task<result<void>> pushes(place* at) {
    at->object = &at->full;
    at->next_line();
    auto got = co_await at->full.push(2);
    co_return done(got);
}

task<result<void>> pops(place* at) {
    at->object = &at->empty;
    at->next_line();
    auto got = co_await at->empty.pop();
    co_return done(got);
}

task<result<void>> receives_once(place* at) {
    at->next_line();
    auto got = co_await at->once.receiver.receive();
    co_return done(got);
}

task<result<void>> hears_news(place* at) {
    auto from = at->news.subscribe();
    at->object = &at->news;
    at->next_line();
    auto got = co_await from.next();
    co_return done(got);
}

constexpr wait_case cases[] = {
    {"sleep_for", sleeps, wait_kind::timer},
    {"sleep_until", sleeps_until, wait_kind::timer},
    {"tick", ticks, wait_kind::timer},
    {"yield", gives_way, wait_kind::turn},
    {"retry", tries_again, wait_kind::timer},
    {"join", joins, wait_kind::join},
    {"scope", ends_a_scope, wait_kind::children},
    {"scope_in_time", ends_a_scope_in_time, wait_kind::children},
    {"when_all", waits_for_all, wait_kind::children},
    {"when_any", waits_for_any, wait_kind::children},
    {"blocking", blocks, wait_kind::blocking},
    {"compute", computes, wait_kind::compute},
    {"admit", asks_to_be_admitted, wait_kind::admission},
    {"spawn", asks_to_spawn, wait_kind::admission},
    {"mutex", locks, wait_kind::lock},
    {"shared_mutex", locks_to_write, wait_kind::lock},
    {"shared_mutex_shared", locks_to_read, wait_kind::lock},
    {"semaphore", acquires, wait_kind::space},
    {"event", waits_for_event, wait_kind::item},
    {"auto_reset_event", waits_for_ring, wait_kind::item},
    {"condition", waits_for_change, wait_kind::item},
    {"push", pushes, wait_kind::space},
    {"pop", pops, wait_kind::item},
    {"oneshot", receives_once, wait_kind::item},
    {"broadcast", hears_news, wait_kind::item},
};

}  // namespace

task<void> hold_the_pool(place* at) {
    auto holder = this_runtime().try_spawn(this_runtime().tenant("own"), hold, at);
    EXPECT_TRUE(holder);
    while (holder && !at->is_held) {
        auto gave_way = co_await yield_now();
        static_cast<void>(gave_way);
    }
}

std::span<const wait_case> waits_for_tasks() {
    return cases;
}

}  // namespace drama
