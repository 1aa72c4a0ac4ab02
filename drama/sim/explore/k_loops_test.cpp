// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/explore/k_loops.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace drama {
namespace {

TEST(LoopPlaces, AreAllIfTheyAreFew) {
    EXPECT_TRUE(loop_places(0).empty());
    EXPECT_EQ(loop_places(3), (std::vector<std::uint64_t>{1, 2, 3}));
    EXPECT_EQ(loop_places(loop_places_max).size(), loop_places_max);
}

TEST(LoopPlaces, AreBoundedAndReachTheEndIfTheyAreMany) {
    for (const std::uint64_t last : {49ULL, 1'000ULL, 1'000'000ULL}) {
        const auto places = loop_places(last);
        EXPECT_LE(places.size(), loop_places_max);
        EXPECT_EQ(places.front(), 1U);
        EXPECT_EQ(places.back(), last);
        EXPECT_TRUE(std::ranges::is_sorted(places));
        EXPECT_EQ(std::ranges::adjacent_find(places), places.end()) << "a place twice";
    }
}

TEST(PlanLoops, BreaksEveryPointOfWhatTheTestSurvivesOnceAndFromThereOn) {
    loop_ground ground;
    ground.survives.add({fault_kind::disk_error});
    ground.points[static_cast<std::size_t>(fault_kind::disk_error)] = 3;
    ground.points[static_cast<std::size_t>(fault_kind::disk_full)] = 3;

    std::set<std::string> planned;
    for (const search_step& each : plan_loops(ground)) {
        planned.insert(each.to_text());
    }

    EXPECT_EQ(planned, (std::set<std::string>{"loop.disk_error.1.once", "loop.disk_error.1.on",
                                              "loop.disk_error.2.once", "loop.disk_error.2.on",
                                              "loop.disk_error.3.once", "loop.disk_error.3.on"}));
}

TEST(PlanLoops, StopsEveryTaskAtEveryStep) {
    loop_ground ground;
    ground.steps = 4;
    ground.starts = 2;
    EXPECT_TRUE(plan_loops(ground).empty()) << "the test does not say that it survives stops";
    ground.survives.add_stops();

    const auto planned = plan_loops(ground);

    ASSERT_EQ(planned.size(), 8U);
    EXPECT_EQ(planned[0].to_text(), "loop.stop.1.0");
    EXPECT_EQ(planned[1].to_text(), "loop.stop.1.1") << "the tasks take turns";
}

}  // namespace
}  // namespace drama
