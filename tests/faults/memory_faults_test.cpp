// SPDX-License-Identifier: Apache-2.0
// What drama does when memory is refused, callbacks throw and destructors post work.
#include <cstdint>
#include <new>
#include <string>
#include <utility>

#include "drama/coro/scope.hpp"
#include "drama/coro/sleep.hpp"
#include "drama/coro/when.hpp"
#include "drama/fault/unruly_tenant.hpp"
#include "drama/net/pooled_buffer.hpp"
#include "drama/runtime/blocking.hpp"
#include "drama/sync/channel.hpp"
#include "tests/faults/town.hpp"

namespace drama::faults {
namespace {

using enum fault_kind;

constexpr std::uint64_t seeds = 5;

struct tally {
    int done = 0;
    int out_of_memory = 0;
};

task<int> leaf() {
    co_await yield_now();
    co_return 1;
}

int call() {
    return 1;
}

task<void> send_some(channel<int>* to) {
    for (int i = 0; i < 3; ++i) {
        auto sent = co_await to->push(i);
        if (!sent) {
            co_return;
        }
    }
}

task<void> family(scope_handle children, channel<int>* through) {
    if (!children.spawn(send_some, through)) {
        throw std::bad_alloc();
    }
    for (int i = 0; i < 3; ++i) {
        auto got = co_await through->pop();
        if (!got) {
            co_return;
        }
    }
    auto pair = when_all(leaf(), leaf());
    auto both = co_await std::move(pair);
    auto called = co_await blocking(call);
    static_cast<void>(called);
    static_cast<void>(both);
}

task<void> many_frames(tally* seen) {
    channel<int> through(1);
    try {
        co_await in_scope(family, &through);
        ++seen->done;
    } catch (const std::bad_alloc&) {
        ++seen->out_of_memory;
    }
}

// The k-loop: whichever frame cannot be had, the task that needs it learns it, nothing hangs, and
// all memory comes back.
TEST(AllocationFails, ForEveryFrameAndNothingIsLostOrLeft) {
    std::uint64_t frames = 0;
    {
        tally seen;
        town place(seed_or(1));
        place.start("a", many_frames, &seen);
        place.run();
        ASSERT_EQ(seen.done, 1);
        frames = place.sim.faults().asked(allocation_fails);
        ASSERT_GT(frames, 5U);
    }
    int failed = 0;
    for (std::uint64_t k = 1; k <= frames; ++k) {
        for (const fault_when when : {nth(k), from(k)}) {
            tally seen;
            town place(seed_or(1), {{.kind = allocation_fails, .when = when, .tenant = "a"}});
            place.start("a", many_frames, &seen);
            place.run();
            EXPECT_EQ(seen.done + seen.out_of_memory, 1) << "k=" << k << ' ' << place.sim.replay();
            failed += seen.out_of_memory;
            EXPECT_EQ(place.of("a").record().frame_bytes(), 0) << "k=" << k;
            place.sim.faults().clear();
            place.start("a", many_frames, &seen);
            place.run();
            EXPECT_GE(seen.done, 1) << "a clean run succeeds afterwards; k=" << k;
        }
    }
    EXPECT_GT(failed, 5);
}

task<void> spawn_until_refused(runtime_handle in, tenant self, tally* seen);

task<void> sleeper() {
    auto slept = co_await sleep_for(1ms);
    static_cast<void>(slept);
}

task<void> spawn_until_refused(runtime_handle in, tenant self, tally* seen) {
    for (int i = 0; i < 1'000; ++i) {
        auto made = in.try_spawn(self, sleeper);
        if (!made && made.error().reason == refusal_reason::out_of_memory) {
            ++seen->out_of_memory;
        } else {
            ++seen->done;
        }
    }
    co_return;
}

// Above its quota a tenant is told no, in words; below it, and for others, memory is there.
TEST(AllocationFails, AboveAQuotaForOneTenantAlone) {
    tally a;
    tally b;
    town place(seed_or(1), {{.kind = allocation_fails, .when = over(64 * 1024), .tenant = "a"}});
    place.start("a", spawn_until_refused, place.rt.handle(), place.of("a"), &a);
    place.start("b", spawn_until_refused, place.rt.handle(), place.of("b"), &b);
    place.run();
    EXPECT_GT(a.out_of_memory, 500);
    EXPECT_GT(a.done, 50);
    EXPECT_EQ(b.out_of_memory, 0);
}

task<void> throw_with_a_destructor(runtime_handle in, tenant self) {
    const posting_destructor last(in, self);
    throw_point("memory_faults");
    co_return;
}

task<void> survive(runtime_handle in, tenant self, tally* seen) {
    for (int i = 0; i < 10; ++i) {
        try {
            auto thrower = throw_with_a_destructor(in, self);
            co_await std::move(thrower);
        } catch (const injected_fault&) {
            ++seen->done;
        }
    }
}

// A destructor that posts while an exception travels and memory is short: the post is refused.
TEST(AllocationFails, DuringUnwinding) {
    tally seen;
    town place(seed_or(1), {{.kind = callback_throws},
                            {.kind = destructor_posts},
                            {.kind = allocation_fails, .site = "memory.frame.unwinding"}});
    place.start("a", survive, place.rt.handle(), place.of("a"), &seen);
    place.run();
    EXPECT_EQ(seen.done, 10);
    place.expect_fired(allocation_fails);
    place.expect_fired(destructor_posts);
}

int throw_in_pool() {
    throw_point("pool");
    return 0;
}

task<void> call_what_throws(tally* seen) {
    for (int i = 0; i < 4; ++i) {
        try {
            if (i % 2 == 0) {
                auto called = co_await blocking(throw_in_pool);
                static_cast<void>(called);
            } else {
                auto called = co_await compute(throw_in_pool);
                static_cast<void>(called);
            }
        } catch (const injected_fault&) {
            ++seen->done;
        }
    }
}

TEST(CallbackThrows, InAPoolAndTheExceptionComesOutOfTheAwait) {
    tally seen;
    town place(seed_or(1), {{.kind = callback_throws, .site = "pool"}});
    place.start("a", call_what_throws, &seen);
    place.run();
    EXPECT_EQ(seen.done, 4);
}

task<void> root_that_throws() {
    throw_point("root");
    co_return;
}

task<void> work_for_long(tally* seen) {
    for (int i = 0; i < 10; ++i) {
        auto slept = co_await sleep_for(1ms);
        seen->done += slept ? 1 : 0;
    }
}

// What a tenant's root throws is for its joiner: no other root is stopped, neither now nor later.
TEST(CallbackThrows, InARootAndNoOtherRootIsStopped) {
    tally seen;
    town place(seed_or(1), {{.kind = callback_throws, .site = "root"}});
    place.start("b", work_for_long, &seen);
    place.start("a", root_that_throws);
    place.run();
    place.expect_fired(callback_throws);
    EXPECT_EQ(seen.done, 10);
    place.start("b", work_for_long, &seen);
    place.run();
    EXPECT_EQ(seen.done, 20);
}

task<void> hog() {
    auto slept = co_await sleep_for(1ms);
    sim::spend(300ms);
    static_cast<void>(slept);
}

// Whoever receives reports may throw: the runtime goes on without that report.
TEST(CallbackThrows, InTheReceiverOfStallsAndOfTheLog) {
    for (const bool has_receiver : {true, false}) {
        tally seen;
        runtime_options options = quiet(1);
        options.log = [](const std::string&) { throw_point("report"); };
        options.on_stall = nullptr;
        if (has_receiver) {
            options.on_stall = [](const stall_report&) { throw_point("report"); };
        }
        town place(seed_or(1), {{.kind = callback_throws, .site = "report"}}, options);
        ::testing::internal::CaptureStderr();
        place.start("a", hog);
        place.start("b", many_frames, &seen);
        place.run();
        const std::string told = ::testing::internal::GetCapturedStderr();
        EXPECT_EQ(seen.done, 1);
        place.expect_fired(callback_throws);
        EXPECT_NE(told.find("threw"), std::string::npos) << told;
    }
}

struct posts_again {
    runtime_handle in;
    tenant payer;
    int* posted;
    ~posts_again();
};

task<void> poster(runtime_handle in, tenant payer, int* posted) {
    const posts_again last{in, payer, posted};
    auto slept = co_await sleep_for(10ms);
    static_cast<void>(slept);
}

posts_again::~posts_again() {
    if (decide_here(destructor_posts, "test.destructor")) {
        *posted += in.spawn(payer, poster, in, payer, posted) ? 1 : 0;
    }
}

// Each task posts another one when it ends, for ever: shutdown refuses it, else it had no end.
TEST(DestructorPosts, IsRefusedWhileTheRuntimeStops) {
    for (std::uint64_t seed = seed_or(1); seed < seed_or(1) + seeds; ++seed) {
        int posted = 0;
        town place(seed, {{.kind = destructor_posts}});
        for (int i = 0; i < 5; ++i) {
            place.start("a", poster, place.rt.handle(), place.of("a"), &posted);
        }
        place.sim.run_for(100ms);
        EXPECT_GT(posted, 10) << place.sim.replay();
        EXPECT_TRUE(place.rt.stop()) << place.sim.replay();
        place.is_stopped = true;
        EXPECT_EQ(place.sim.leftovers(), "") << place.sim.replay();
    }
}

task<void> read_once(tally* seen) {
    const pooled_buffer buffer;
    ++seen->done;
    co_await yield_now();
}

task<void> read_into_a_buffer(tally* seen) {
    for (int i = 0; i < 10; ++i) {
        try {
            auto read = read_once(seen);
            co_await std::move(read);
        } catch (const std::bad_alloc&) {
            ++seen->out_of_memory;
        }
    }
}

TEST(BuffersExhausted, IsToldToTheTenantThatHasNone) {
    tally a;
    tally b;
    town place(seed_or(1), {{.kind = buffers_exhausted, .when = nth(3), .tenant = "a"}});
    place.start("a", read_into_a_buffer, &a);
    place.start("b", read_into_a_buffer, &b);
    place.run();
    EXPECT_EQ(a.done, 9);
    EXPECT_EQ(a.out_of_memory, 1);
    EXPECT_EQ(b.done, 10);
}

}  // namespace
}  // namespace drama::faults
