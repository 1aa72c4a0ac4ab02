// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/points/heap_watch.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "drama/sim/points/access_points.hpp"

namespace drama {
namespace {

using internal::heap_watch;

struct link {
    std::unique_ptr<link> next;
    char rest[40] = {};
};

// What simulated code does: the accesses of its thread are counted.
template <class Body>
void simulated(Body body) {
    internal::access_points points(1);
    internal::access_points* const before = internal::count_accesses_for(&points);
    body();
    internal::count_accesses_for(before);
}

template <class Body>
void in_setup(Body body) {
    heap_watch::note_setup(true);
    body();
    heap_watch::note_setup(false);
}

// No compiler may leave the allocation out.
[[gnu::noinline]] link* make_link() {
    return new link;
}

link* global = nullptr;

class HeapWatch : public testing::Test {
  protected:
    void SetUp() override {
        if (!internal::use_watched_heap()) {
            GTEST_SKIP() << "a sanitizer has the heap";
        }
    }
};

TEST_F(HeapWatch, KnowsWhatIsLost) {
    const heap_watch watch(true);
    std::vector<std::unique_ptr<link>> given;
    given.reserve(3'000);
    link* lost = nullptr;
    simulated([&] {
        for (int i = 0; i != 3'000; ++i) {  // the table grows and closes its gaps
            given.emplace_back(make_link());
        }
        lost = make_link();
        lost->next.reset(make_link());
    });
    const std::size_t all = watch.lost().size();
    EXPECT_GE(all, 2'990U) << "old words of the thread's data still point to some";
    EXPECT_LE(all, 3'002U);
    given.clear();
    const auto left = watch.lost();
    ASSERT_EQ(left.size(), 2U);
    EXPECT_EQ(left[0].bytes, sizeof(link));
    EXPECT_NE(left[0].callers[0], nullptr);
    delete lost;
    EXPECT_TRUE(watch.lost().empty());
}

TEST_F(HeapWatch, WhatStaticDataReachesIsNotLost) {
    const heap_watch watch(false);
    simulated([] {
        global = make_link();
        global->next.reset(make_link());
    });
    EXPECT_TRUE(watch.lost().empty());
    link* const found = std::exchange(global, nullptr);
    EXPECT_EQ(watch.lost().size(), 2U);
    delete found;
}

TEST_F(HeapWatch, OtherThreadsTakeWhatTheyLike) {
    const heap_watch watch(false);
    const std::unique_ptr<link> own(make_link());
    EXPECT_TRUE(watch.lost().empty());
}

TEST_F(HeapWatch, TheBodyOfATestMayLeaveThingsThatTasksNeverGiveBack) {
    const heap_watch watch(false);
    std::unique_ptr<link> one;
    std::unique_ptr<link> other;
    const auto take_one = [&] { one.reset(make_link()); };
    in_setup(take_one);
    simulated([&] { one->next.reset(make_link()); });
    EXPECT_TRUE(watch.lost().empty());

    simulated([&] { one.reset(); });
    in_setup([&] { other.reset(make_link()); });
    EXPECT_EQ(watch.lost().size(), 1U) << "a task gave back such a one";
}

}  // namespace
}  // namespace drama
