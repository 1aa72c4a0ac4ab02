// SPDX-License-Identifier: Apache-2.0
// What a task that waits shows of its wait: kind, what for, who holds it, since when, and the line
// of the await. In a simulated world where that has what is waited for.
#include "tests/scenarios/wait_record_place.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <source_location>
#include <string>
#include <utility>

#include "drama/coro/sleep.hpp"
#include "drama/net/process/signal_set.hpp"
#include "drama/runtime/runtime.hpp"

namespace drama {
namespace {

/// What a wait shows while it stands.
struct shown {
    wait_kind kind = wait_kind::turn;
    unsigned line = 0;
    std::string file;
    const runnable* holder = nullptr;
    const void* object = nullptr;
    duration lasted{};
    duration age{};  ///< of the task that waits
    bool is_gone = false;
};

void look(runnable* of, instant now, shown* seen) {
    of->inspect_wait([&](const wait_record* record) {
        if (record != nullptr) {
            seen->kind = record->kind;
            seen->line = record->where.line();
            seen->file = record->where.file_name();
            seen->holder = record->current_holder();
            seen->object = record->object;
            seen->lasted = record->lasted(now);
        }
    });
}

/// Looks at `of` until it waits where it should; one worker, so each look comes after a turn of the
/// other.
task<shown> first_wait(place* at, runnable* of) {
    runnable& self = co_await this_task();
    const instant began = self.home->now();
    shown seen;
    while (seen.line == 0) {
        if (at->line != 0) {
            look(of, self.home->now(), &seen);
        }
        auto gave_way = co_await yield_now();
        if (!gave_way) {
            break;  // nothing was seen in time
        }
    }
    seen.age = self.home->now() - began;
    co_return seen;
}

task<result<shown>> watch(place* at, const wait_case* which) {
    const tenant own = this_runtime().tenant("own");
    at->before_spawn = std::source_location::current();
    auto waiting = this_runtime().try_spawn(own, which->waits, at);
    if (!waiting) {
        co_return fail(waiting.error().code());
    }
    auto looking = first_wait(at, waiting->get());
    auto seen = co_await with_deadline(20s, std::move(looking));
    at->is_released = true;
    at->is_released.notify_all();
    waiting->request_stop();
    auto ended = co_await waiting->join();
    static_cast<void>(ended);  // with what it waited for, or stopped
    if (seen) {
        waiting->get()->inspect_wait(
            [&](const wait_record* record) { seen->is_gone = record == nullptr; });
    }
    co_return std::move(seen);
}

/// Holds what the waiters wait for, and looks at one of them.
task<result<shown>> stand_by(place* at, const wait_case* which) {
    runnable& self = co_await this_task();
    if (at->sim != nullptr) {
        // So that a wait without a beginning seems to have lasted longer than its task.
        auto slept = co_await sleep_for(1h);
        static_cast<void>(slept);
    }
    DRAMA_CO_TRY(auto locked, co_await at->lock.lock());
    DRAMA_CO_TRY(auto writing, co_await at->many.lock());
    auto pushed = co_await at->full.push(1);
    EXPECT_TRUE(pushed);
    at->holder = which->kind == wait_kind::lock ? &self : nullptr;
    at->crowded = this_runtime().tenant("crowded");
    at->crowded.set({.limit = {.tasks = 0, .requests = 0}});
    auto other = this_runtime().try_spawn(this_runtime().tenant("own"), nap);
    if (!other) {
        co_return fail(other.error().code());
    }
    at->other = *std::move(other);
    auto watching = watch(at, which);
    auto seen = co_await std::move(watching);
    at->other->request_stop();
    auto ended = co_await at->other->join();
    static_cast<void>(ended);
    at->other.reset();  // not beyond the runtime
    co_return std::move(seen);
}

runtime_options quiet() {
    runtime_options options;
    options.workers = 1;
    options.blocking_threads_max = 1;
    options.log = [](const std::string&) {};
    return options;
}

result<shown> see_in_simulation(place* at, const wait_case* which) {
    simulation sim(seed_or(1));
    sim.network().options().latency = latency_law::fixed(10ms);
    sim.disk().options().transfer = latency_law::fixed(10ms);
    sim.disk().options().sync = latency_law::fixed(10ms);
    at->sim = &sim;
    runtime rt(sim.world(), quiet());
    auto seen = rt.run(stand_by(at, which));
    EXPECT_EQ(sim.leftovers(), "");
    return seen;
}

result<shown> see_on_the_machine(place* at, const wait_case* which) {
    EXPECT_TRUE(block_signals({SIGUSR1}));
    runtime rt(quiet());
    return rt.run(stand_by(at, which));
}

class WaitRecord : public ::testing::TestWithParam<wait_case> {};

TEST_P(WaitRecord, ShowsWhatIsWaitedForAndWhere) {
    const wait_case& which = GetParam();
    place at;

    const auto seen =
        which.is_real ? see_on_the_machine(&at, &which) : see_in_simulation(&at, &which);

    ASSERT_TRUE(seen) << seen.error().message() << ", at line " << at.line;
    EXPECT_STREQ(name_of(seen->kind), name_of(which.kind));
    EXPECT_EQ(seen->file, at.file);
    EXPECT_EQ(seen->line, at.line);
    EXPECT_EQ(seen->holder, at.holder);
    EXPECT_NE(seen->object, nullptr);
    if (at.object != nullptr) {
        EXPECT_EQ(seen->object, at.object);
    }
    EXPECT_GE(seen->lasted, duration::zero());
    EXPECT_LE(seen->lasted, seen->age + 2ms);  // a record's clock is as coarse as that
    EXPECT_TRUE(seen->is_gone);
}

INSTANTIATE_TEST_SUITE_P(OfTasks, WaitRecord, ::testing::ValuesIn(waits_for_tasks()),
                         [](const auto& each) { return std::string(each.param.name); });
INSTANTIATE_TEST_SUITE_P(OfIo, WaitRecord, ::testing::ValuesIn(waits_for_io()),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace drama
