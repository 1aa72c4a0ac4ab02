// SPDX-License-Identifier: Apache-2.0
// The state word of a task: a stop is never lost, and nobody looks into a record that is gone.
#include "drama/coro/wait_record.hpp"

#include <gtest/gtest.h>

#include "drama/base/spinlock.hpp"
#include "tests/model/primitive.hpp"

namespace drama {
namespace {

struct record {
    check::plain<int> why{0};
};
using word = basic_wait_word<record, check::atomics>;
using lock = basic_spinlock<check::atomics>;

enum class twin { none, waits_though_a_stop_is_pending, leaves_the_record_published };

// A primitive for one waiter, as every one of drama is: it publishes the wait under its lock.
struct primitive {
    lock guard;
    check::plain<record*> waiter{nullptr};

    bool take_out(record* expected) {
        guard.lock();
        const bool found =
            waiter.read() != nullptr && (expected == nullptr || waiter.read() == expected);
        if (found) {
            waiter = nullptr;
        }
        guard.unlock();
        return found;
    }
};

struct scene {
    word task;
    primitive of;
    testing::checked_parker resumed;
    check::atomic<int> wakes{0};

    void wake() {
        wakes.fetch_add(1, std::memory_order_relaxed);
        resumed.unpark();
    }
    template <twin Is>
    void wait() {
        record mine;
        of.guard.lock();
        const bool waits = task.begin(mine) || Is == twin::waits_though_a_stop_is_pending;
        if (waits) {
            of.waiter = &mine;
        }
        of.guard.unlock();
        if (waits) {
            resumed.park();
        }
        if (Is != twin::leaves_the_record_published) {
            task.end();
        }
    }
    void stop() {
        task.lock();
        if (record* const found = task.ask()) {
            found->why = 1;
            if (of.take_out(found)) {
                wake();
            }
        }
        task.unlock();
    }
};

template <twin Is>
void stopped(check::run& run) {
    scene all;
    run.threads(check::named{"task", [&] { all.wait<Is>(); }},
                check::named{"stopper", [&] { all.stop(); }});
    run.require(all.task.is_stopping(), "the stop stays");
    run.require(all.wakes.load() <= 1, "one wake at most");
}

// The stop meets a waker and somebody who looks.
template <twin Is>
void stopped_and_woken(check::run& run) {
    scene all;
    run.threads(check::named{"task", [&] { all.wait<Is>(); }},
                check::named{"stopper", [&] { all.stop(); }},
                check::named{"waker", [&] {
                                 if (all.of.take_out(nullptr)) {
                                     all.wake();
                                 }
                             }});
    run.require(all.wakes.load() <= 1, "one wake at most");
}

template <twin Is>
void looked_at(check::run& run) {
    scene all;
    run.threads(check::named{"task", [&] { all.wait<Is>(); }},
                check::named{"stopper", [&] { all.stop(); }},
                check::named{"watchdog", [&] {
                                 all.task.lock();
                                 const std::uintptr_t wait = all.task.look();
                                 if (const record* const seen = word::record_of(wait)) {
                                     static_cast<void>(seen->why.read());
                                 }
                                 all.task.unlock();
                             }});
}

TEST(WaitWord, LosesNoStop) {
    const auto found = check::explore({.preemptions = check::unbounded}, stopped<twin::none>);

    EXPECT_TRUE(found.passed()) << found;
    EXPECT_TRUE(found.is_complete);
}

TEST(WaitWord, WakesOnceWhenAStopMeetsAWaker) {
    const auto found = check::explore({.preemptions = 3}, stopped_and_woken<twin::none>);

    EXPECT_TRUE(found.passed()) << found;
}

TEST(WaitWord, ShowsARecordOnlyWhileItLives) {
    const auto found = check::explore({.preemptions = 3}, looked_at<twin::none>);

    EXPECT_TRUE(found.passed()) << found;
}

TEST(WaitWord, WouldLoseAStopThatIsNotAskedFor) {
    const auto found =
        check::explore({.preemptions = 3}, stopped<twin::waits_though_a_stop_is_pending>);

    EXPECT_TRUE(found.failed());
}

TEST(WaitWord, WouldShowARecordThatIsGone) {
    const auto found =
        check::explore({.preemptions = 3}, looked_at<twin::leaves_the_record_published>);

    EXPECT_TRUE(found.failed());
}

TEST(WaitWord, NeedsItsOrders) {
    const auto stops = check::audit({.preemptions = 2}, stopped<twin::none>);
    const auto looks = check::audit({.preemptions = 2}, looked_at<twin::none>);

    EXPECT_TRUE(testing::notices(stops, "wait_record.hpp", "seq_cst")) << testing::unneeded(stops);
    EXPECT_TRUE(testing::notices(looks, "wait_record.hpp", "acquire"))
        << "of look(): " << testing::unneeded(looks);
}

}  // namespace
}  // namespace drama
