// SPDX-License-Identifier: Apache-2.0
// A pool's idle threads: no work waits while a thread rests that nobody woke, and the count is that
// of the threads that rest.
#include "drama/runtime/pool/idle_threads.hpp"

#include <gtest/gtest.h>

#include <array>
#include <mutex>

#include "drama/base/spinlock.hpp"
#include "tests/model/primitive.hpp"

namespace drama {
namespace {

struct worker : idle_link<worker, check::atomics> {
    testing::checked_parker spot;
};

enum class twin { none, rests_in_another_critical_section, goes_without_being_forgotten };

struct pool {
    basic_spinlock<check::atomics> lock;
    idle_threads<worker, check::atomics> idle;
    check::plain<int> queued{0};
    check::plain<int> done{0};
    check::plain<int> to_come{2};

    void submit() {
        worker* sleeper = nullptr;
        {
            const std::lock_guard guard(lock);
            ++queued;
            --to_come;
            sleeper = idle.pop();
        }
        if (sleeper != nullptr) {
            sleeper->spot.unpark();
        }
    }
    // As thread_pool::step: takes what is queued, else rests. True: it may end.
    template <twin Is>
    bool step(worker& self) {
        std::unique_lock guard(lock);
        if (self.is_idle) {
            idle.forget(self);
        }
        if (queued > 0) {
            --queued;
            ++done;
            return false;
        }
        if (to_come == 0) {
            return true;
        }
        if (Is == twin::rests_in_another_critical_section) {
            guard.unlock();
            guard.lock();
        }
        idle.push(self);
        guard.unlock();
        self.spot.park();
        return false;
    }
};

template <twin Is>
void serve(check::run& run) {
    pool all;
    worker first;
    run.threads(check::named{"worker",
                             [&] {
                                 while (!all.step<Is>(first)) {
                                 }
                             }},
                check::named{"one", [&] { all.submit(); }},
                check::named{"other", [&] { all.submit(); }});
    run.require(all.done == 2, "all is done");
    run.require(all.idle.count() == 0 && all.idle.empty(), "nobody rests");
}

// A thread that has rested for long goes while work comes, which may be for it.
template <twin Is>
void end_meanwhile(check::run& run) {
    pool all;
    std::array<worker, 2> workers;
    for (worker& each : workers) {
        all.idle.push(each);
    }
    const auto leave = [&](worker& self) {
        const std::lock_guard guard(all.lock);
        if (self.is_idle && Is != twin::goes_without_being_forgotten) {
            all.idle.forget(self);
        }
    };
    run.threads(check::named{"leaver", [&] { leave(workers[0]); }},
                check::named{"submitter", [&] { all.submit(); }});
    std::size_t resting = 0;
    for (const worker& each : workers) {
        resting += each.is_idle ? 1 : 0;
    }
    run.require(all.idle.count() == resting, "the count is that of the threads that rest");
    run.require(!workers[0].is_idle, "who has gone does not rest");
}

TEST(IdleThreads, LeaveNoWorkBehindASleeper) {
    const auto found = check::explore({.preemptions = 3}, serve<twin::none>);

    EXPECT_TRUE(found.passed()) << found;
}

TEST(IdleThreads, AreCountedRightWhileOneGoes) {
    const auto found = check::explore({.preemptions = check::unbounded}, end_meanwhile<twin::none>);

    EXPECT_TRUE(found.passed()) << found;
    EXPECT_TRUE(found.is_complete);
}

TEST(IdleThreads, WouldSleepThroughWorkIfTheyDidNotLookAgain) {
    const auto found =
        check::explore({.preemptions = 3}, serve<twin::rests_in_another_critical_section>);

    EXPECT_TRUE(found.failed());
}

TEST(IdleThreads, WouldBeWokenAfterTheyWent) {
    const auto found =
        check::explore({.preemptions = 3}, end_meanwhile<twin::goes_without_being_forgotten>);

    EXPECT_TRUE(found.failed());
}

TEST(IdleThreads, NeedTheLocksOrders) {
    const auto audited = check::audit({.preemptions = 2}, serve<twin::none>);

    EXPECT_TRUE(testing::notices(audited, "spinlock.hpp", "acquire"));
    EXPECT_TRUE(testing::notices(audited, "spinlock.hpp", "release"));
}

}  // namespace
}  // namespace drama
