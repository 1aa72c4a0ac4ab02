// SPDX-License-Identifier: Apache-2.0
// The hand-over protocol: a core belongs to its holder or to who took it, never to both.
#include "drama/runtime/core/ownership.hpp"

#include <gtest/gtest.h>

#include "tests/model/primitive.hpp"

namespace drama {
namespace {

using word = basic_ownership<check::atomics>;

struct outcomes {
    int kept = 0;
    int taken = 0;
};

// The holder polls two tasks; the watchdog tries once to take its core. Whoever has the core
// touches what belongs to it.
template <class Barrier>
auto hand_over(Barrier barrier, outcomes& seen) {
    return [barrier, &seen](check::run& run) {
        word tenure;
        check::plain<int> core{0};
        bool kept = true;
        bool taken = false;
        run.threads(
            check::named{"holder",
                         [&] {
                             for (int poll = 0; poll < 2 && kept; ++poll) {
                                 tenure.leave();
                                 kept = tenure.enter();
                                 if (kept) {
                                     ++core;
                                 }
                             }
                         }},
            check::named{"watchdog", [&] { taken = tenure.take(barrier, [&] { ++core; }); }});
        run.require(kept || taken, "nobody has the core");
        run.require(!kept || !taken, "both have the core");
        run.require(!taken || tenure.is_taken(), "a core that was taken says so");
        seen.kept += kept ? 1 : 0;
        seen.taken += taken ? 1 : 0;
    };
}

constexpr auto on_all_threads = [] { check::fence_everywhere(); };

TEST(Ownership, GivesACoreToExactlyOneOfHolderAndWatchdog) {
    outcomes seen;

    const auto found =
        check::explore({.preemptions = check::unbounded}, hand_over(on_all_threads, seen));

    EXPECT_TRUE(found.passed()) << found;
    EXPECT_TRUE(found.is_complete);
    EXPECT_GT(seen.kept, 0);
    EXPECT_GT(seen.taken, 0);
}

// The watchdog looks into a core and leaves it to its holder.
template <class Barrier>
auto visit(Barrier barrier, int& visits) {
    return [barrier, &visits](check::run& run) {
        word tenure;
        check::plain<int> core{0};
        bool kept = true;
        bool came = false;
        run.threads(
            check::named{"holder",
                         [&] {
                             for (int poll = 0; poll < 2; ++poll) {
                                 tenure.leave();
                                 kept = tenure.enter() && kept;
                                 ++core;
                             }
                         }},
            check::named{"watchdog", [&] { came = tenure.visit(barrier, [&] { ++core; }); }});
        run.require(kept && !tenure.is_taken(), "the holder keeps its core");
        visits += came ? 1 : 0;
    };
}

TEST(Ownership, LetsTheWatchdogVisitACoreWhoseHolderStandsStill) {
    int visits = 0;

    const auto found =
        check::explore({.preemptions = check::unbounded}, visit(on_all_threads, visits));

    EXPECT_TRUE(found.passed()) << found;
    EXPECT_TRUE(found.is_complete);
    EXPECT_GT(visits, 0);
    EXPECT_TRUE(check::explore({.preemptions = 3}, visit([] {}, visits)).failed());
}

TEST(Ownership, WouldGiveACoreToBothWithoutTheBarrier) {
    outcomes seen;

    const auto found = check::explore({.preemptions = 3}, hand_over([] {}, seen));

    EXPECT_TRUE(found.failed());
}

// Who lost its core reads what was done with it before that was told, however it learns of it.
void read_what_was_committed(check::run& run) {
    word tenure;
    check::plain<int> committed{0};
    bool ended_before_commit = false;
    const auto read = [&] { ended_before_commit = ended_before_commit || committed.read() != 1; };
    run.threads(
        check::named{"holder",
                     [&] {
                         tenure.leave();
                         if (!tenure.enter()) {
                             read();
                         }
                     }},
        check::named{"onlooker",
                     [&] {
                         if (tenure.is_taken()) {
                             read();
                         }
                     }},
        check::named{"watchdog", [&] { tenure.take(on_all_threads, [&] { ++committed; }); }});
    run.require(!ended_before_commit, "a core was taken before it was given away");
}

TEST(Ownership, ShowsWhoLostItsCoreWhatBecameOfIt) {
    const auto found = check::explore({.preemptions = 3}, read_what_was_committed);

    EXPECT_TRUE(found.passed()) << found;
}

TEST(Ownership, NeedsItsOrders) {
    outcomes seen;

    const auto audited = check::audit({.preemptions = 3}, hand_over(on_all_threads, seen));

    EXPECT_TRUE(testing::notices(audited, "ownership.hpp", "release")) << "of leave()";
    EXPECT_TRUE(testing::notices(audited, "ownership.hpp", "acquire")) << "of take()";
}

}  // namespace
}  // namespace drama
