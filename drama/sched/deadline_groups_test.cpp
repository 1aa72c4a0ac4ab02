// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/deadline_groups.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <deque>
#include <vector>

#include "drama/base/prng.hpp"

namespace drama {
namespace {

struct entry {
    explicit entry(tenant_share& share) : lanes(share) {}
    lane_set lanes;
    virtual_time position = 0;
    virtual_span request = 0;
    bool inside = false;
};

TEST(DeadlineGroups, EmptyHasNothingToOffer) {
    deadline_groups groups;
    EXPECT_TRUE(groups.empty());
    EXPECT_EQ(groups.first_eligible(0), nullptr);
    EXPECT_EQ(groups.least_ahead(), nullptr);
    EXPECT_EQ(groups.earliest(0), no_deadline);
}

TEST(DeadlineGroups, EarliestDeadlineAmongTheEligibleComesFirst) {
    tenant_share share;
    deadline_groups groups;
    entry late(share);
    entry soon(share);
    entry ahead(share);
    groups.insert(late.lanes, 1'000'000, 400'000);
    groups.insert(soon.lanes, 1'100'000, 100'000);
    groups.insert(ahead.lanes, 9'000'000, 50'000);

    EXPECT_EQ(groups.first_eligible(2'000'000), &soon.lanes);
    EXPECT_EQ(groups.first_eligible(1'050'000), &late.lanes);
    EXPECT_EQ(groups.first_eligible(0), nullptr);
    groups.remove(soon.lanes);
    groups.remove(late.lanes);
    EXPECT_EQ(groups.first_eligible(2'000'000), nullptr);
    EXPECT_EQ(groups.least_ahead(), &ahead.lanes);
    groups.remove(ahead.lanes);
    EXPECT_TRUE(groups.empty());
}

// The newcomer must not wait for the clock to reach the front of those that are ahead.
TEST(DeadlineGroups, NewcomerBehindTheReachOfItsGroupIsStillEligible) {
    tenant_share share;
    deadline_groups groups;
    entry ahead(share);
    entry newcomer(share);
    for (const virtual_span distance : {30'000, 300'000, 30'000'000, 2'000'000'000}) {
        groups.insert(ahead.lanes, 3'000'000'000, 30'000);
        groups.insert(newcomer.lanes, 3'000'000'000 - distance, 30'000);

        EXPECT_EQ(groups.first_eligible(3'000'000'000 - distance), &newcomer.lanes);
        EXPECT_EQ(groups.least_ahead(), &newcomer.lanes);
        groups.remove(newcomer.lanes);
        EXPECT_EQ(groups.first_eligible(2'999'990'000), nullptr);
        EXPECT_EQ(groups.first_eligible(3'000'000'000), &ahead.lanes);
        groups.remove(ahead.lanes);
    }
    EXPECT_TRUE(groups.empty());
}

// Against a scan of everything: what is chosen is eligible, and its deadline is not later than the
// best by more than the rounding of the two requests concerned.
TEST(DeadlineGroups, ChoiceIsTheBestUpToTheRoundingOfARequest) {
    const char* given = std::getenv("DRAMA_SEED");
    const std::uint64_t seed = given == nullptr ? 5 : std::strtoull(given, nullptr, 10);
    SCOPED_TRACE(::testing::Message() << "seed=" << seed);
    prng random(seed);
    tenant_share share;
    deadline_groups groups;
    std::deque<entry> all;
    for (int i = 0; i != 200; ++i) {
        all.emplace_back(share);
    }
    virtual_time clock = INT64_MAX - 2'000'000'000;  // wraps during the run
    const auto insert = [&](entry& e) {
        e.request = static_cast<virtual_span>(std::exp2(12 + 10 * random.unit()));
        e.position = advanced(clock, static_cast<virtual_span>((2 * random.unit() - 1) *
                                                               static_cast<double>(e.request)));
        e.inside = true;
        groups.insert(e.lanes, e.position, e.request);
    };
    for (int round = 0; round != 100'000; ++round) {
        entry& e = all[random.below(all.size())];
        if (!e.inside) {
            insert(e);
        } else if (random.below(4) == 0) {
            groups.remove(e.lanes);
            e.inside = false;
        }
        clock = advanced(clock, static_cast<virtual_span>(random.below(400)));
        lane_set* chosen = groups.first_eligible(clock);
        const entry* best = nullptr;
        entry* picked = nullptr;
        for (entry& each : all) {
            picked = &each.lanes == chosen ? &each : picked;
            if (each.inside && !before(clock, each.position) &&
                (best == nullptr || before(advanced(each.position, each.request),
                                           advanced(best->position, best->request)))) {
                best = &each;
            }
        }
        if (best == nullptr) {
            continue;  // one may be offered that is ahead by less than a slot
        }
        ASSERT_NE(picked, nullptr);
        ASSERT_TRUE(picked->inside);
        ASSERT_LE(gap(picked->position, clock), picked->request / 8);
        const virtual_span worse = gap(advanced(picked->position, picked->request),
                                       advanced(best->position, best->request));
        ASSERT_LE(worse, best->request / 2 + picked->request / 4);
        groups.remove(picked->lanes);
        picked->inside = false;
    }
}

}  // namespace
}  // namespace drama
