// SPDX-License-Identifier: Apache-2.0
// The entrance to a core: what is pushed is taken once, and nobody sleeps while something is there.
#include "drama/runtime/core/inject_queue.hpp"

#include <gtest/gtest.h>

#include <array>

#include "tests/model/primitive.hpp"

namespace drama {
namespace {

struct item {
    check::plain<item*> next{nullptr};
    check::plain<int> taken{0};
};
using queue = basic_inject_queue<item, &item::next, check::atomics>;

enum class twin { none, sleeps_without_asking, pusher_does_not_wake };

// Two threads push an item each, a third takes both and sleeps in between.
template <twin Is>
void push_and_take(check::run& run) {
    queue entrance;
    testing::checked_parker spot;
    std::array<item, 2> items;
    const auto push = [&](item& pushed) {
        pushed.taken = 0;
        if (entrance.push(pushed) && Is != twin::pusher_does_not_wake) {
            spot.unpark();
        }
    };
    int taken = 0;
    run.threads(check::named{"first pusher", [&] { push(items[0]); }},
                check::named{"second pusher", [&] { push(items[1]); }},
                check::named{"taker", [&] {
                                 for (;;) {
                                     for (item* each = entrance.take_all(); each != nullptr;) {
                                         item* const following = each->next;
                                         ++each->taken;
                                         ++taken;
                                         each = following;
                                     }
                                     if (taken == 2) {
                                         return;
                                     }
                                     const bool may_sleep = entrance.park();
                                     if (may_sleep || Is == twin::sleeps_without_asking) {
                                         spot.park();
                                     }
                                     entrance.unpark();
                                 }
                             }});
    run.require(items[0].taken == 1 && items[1].taken == 1, "each is taken once");
    run.require(entrance.empty(), "nothing is left");
}

TEST(InjectQueue, LeavesNoItemBehindASleeper) {
    const auto found = check::explore({.preemptions = 3}, push_and_take<twin::none>);

    EXPECT_TRUE(found.passed()) << found;
}

TEST(InjectQueue, WouldLeaveOneIfTheTakerDidNotAskAgain) {
    const auto found =
        check::explore({.preemptions = 3}, push_and_take<twin::sleeps_without_asking>);

    EXPECT_TRUE(found.failed());
}

TEST(InjectQueue, WouldLeaveOneIfThePusherDidNotWake) {
    const auto found =
        check::explore({.preemptions = 3}, push_and_take<twin::pusher_does_not_wake>);

    EXPECT_TRUE(found.failed());
}

TEST(InjectQueue, NeedsItsOrders) {
    const auto audited = check::audit({.preemptions = 2}, push_and_take<twin::none>);

    EXPECT_TRUE(testing::notices(audited, "inject_queue.hpp", "seq_cst"))
        << "between the mark and the question: " << testing::unneeded(audited);
    EXPECT_TRUE(testing::notices(audited, "mpsc_stack.hpp", "acquire")) << "of take_all()";
}

}  // namespace
}  // namespace drama
