// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/account/share_groups.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "drama/base/prng.hpp"
#include "drama/sched/pool_order.hpp"

namespace drama {
namespace {

TEST(ShareGroups, MembersShareTheWeightOfTheirGroup) {
    share_groups groups;
    const auto gold = groups.add(3);
    const auto free = groups.add(1);
    const auto nested = groups.add(1, free);
    groups.join(gold, 1);
    groups.join(free, 1);
    groups.join(nested, 2);

    // Of `free`'s weight of 1, half is `nested`'s, for one member of weight 2.
    EXPECT_NEAR(groups.scale(free) / groups.scale(gold), 1.0 / 2 / 3, 1e-6);
    EXPECT_NEAR(groups.scale(nested) * 2 / groups.scale(free), 1, 1e-6);
    groups.leave(nested, 2);
    EXPECT_NEAR(groups.scale(free) / groups.scale(gold), 1.0 / 3, 1e-6);
}

TEST(ShareGroups, GroupThatGotTooLittleIsCorrectedAndIdleTimeIsForgotten) {
    share_groups groups;
    const auto a = groups.add(1);
    const auto b = groups.add(1);
    groups.join(a, 1);
    groups.join(b, 1);
    instant now = instant(1s);
    for (int period = 0; period != 4; ++period) {
        groups.charge(a, 300us);
        groups.charge(b, 700us);
        groups.update(now += 1ms);
    }

    EXPECT_GT(groups.scale(a), groups.scale(b) * 1.1);
    groups.leave(a, 1);
    groups.update(now += 1ms);
    groups.update(now += 1ms);
    groups.join(a, 1);
    EXPECT_LT(groups.scale(a), groups.scale(b) * 1.1);
}

struct job : pool_item {
    std::size_t tenant = 0;
};
struct tenant {
    explicit tenant(share_groups::group_id group) : share(1, latency::normal, group) {}
    accounted_share share;
    pool_lanes lanes{share};
};

/// Two groups of one weight on four servers: one hog, and a hundred tenants that come and go.
double part_of_the_hog(bool feeds_back, std::uint64_t seed) {
    prng random(seed);
    share_groups groups(feeds_back);
    share_ledger ledger(groups);
    const auto alone = groups.add(1);
    const auto crowd = groups.add(1);
    constexpr std::uint32_t servers = 4;
    constexpr std::size_t flapping = 100;
    std::vector<std::unique_ptr<tenant>> tenants;
    std::vector<std::unique_ptr<job>> jobs;
    pool_order order(policy::fair, servers, queue_id::compute, 1, &ledger);
    instant now = instant(1s);
    std::size_t crowd_queued = 0;
    const auto push = [&](std::size_t to) {
        job& made = *jobs.emplace_back(std::make_unique<job>());
        made.tenant = to;
        made.known_cost = 50us;
        order.push(tenants[to]->lanes, made, now);
    };
    for (std::size_t i = 0; i != flapping + 1; ++i) {
        tenants.push_back(std::make_unique<tenant>(i == 0 ? alone : crowd));
    }
    for (std::uint32_t i = 0; i != 2 * servers; ++i) {
        push(0);
    }
    double hog = 0;
    double all = 0;
    std::vector<pool_grant> running(servers);
    for (int step = 0; step != 16'000; ++step) {
        // Whoever of the crowd comes has one item, and leaves when it is done.
        for (; crowd_queued < 2 * servers; ++crowd_queued) {
            push(1 + random.below(flapping));
        }
        for (std::uint32_t s = 0; s != servers; ++s) {
            running[s] = order.pick(s, now);
        }
        now += 50us;
        for (pool_grant& each : running) {
            const std::size_t of = static_cast<job*>(each.item)->tenant;
            order.settle(each, 50us, now);
            hog += of == 0 && step >= 8'000 ? 1 : 0;
            all += step >= 8'000 ? 1 : 0;
            if (of == 0) {
                push(0);
            } else {
                --crowd_queued;
            }
        }
    }
    while (pool_grant left = order.pick(0, now)) {
        order.settle(left, 1us, now);
    }
    return hog / all;
}

TEST(ShareGroups, FlappingMembersGetTheirGroupsShareWithinAHundredth) {
    EXPECT_NEAR(part_of_the_hog(true, 5), 0.5, 0.01);
}

// What the correction is for.
TEST(ShareGroups, WithoutCorrectionFlappingCostsTheGroupMore) {
    EXPECT_GT(std::abs(part_of_the_hog(false, 5) - 0.5), 0.01);
}

}  // namespace
}  // namespace drama
