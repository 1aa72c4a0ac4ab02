// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/account/hold_account.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "drama/sched/account/hold_watch.hpp"
#include "drama/sched/fair_queue.hpp"
#include "drama/sched/pool_order.hpp"

namespace drama {
namespace {

constexpr instant start = instant(1s);

std::uint64_t ns(duration of) {
    return static_cast<std::uint64_t>(of.count());
}

TEST(ServedRing, TellsTheLongestServiceOfOthersSince) {
    tenant_share own;
    tenant_share other;
    tenant_share third;
    served_ring ring;
    ring.note(other, 90us, start);
    ring.note(third, 20us, start + 2us);
    ring.note(own, 70us, start + 3us);
    ring.note(other, 30us, start + 4us);

    EXPECT_EQ(ring.most_since(start, own).who, &other) << "what ended before does not count";
    EXPECT_EQ(ring.most_since(start, own).used, 30us);
    EXPECT_EQ(ring.most_since(start, other).who, &own);
    EXPECT_EQ(ring.most_since(start, other, 1).who, nullptr) << "no more is looked at";
    EXPECT_EQ(ring.most_since(start + 4us, own).who, nullptr);
    EXPECT_EQ(served_ring().most_since(long_ago, own).who, nullptr);
}

TEST(HoldAccount, AHoldIsNoneWhileItsTenantIsEligibleOrAlone) {
    tenant_share own;
    tenant_share other;
    served_ring ring;
    hold_account account;
    EXPECT_FALSE(account.has_begun());

    account.begin(start);
    EXPECT_TRUE(account.has_begun());
    ring.note(own, 10us, start + 10us);
    account.end(ring, own, 0us, 1, start + 20us);
    EXPECT_FALSE(account.has_begun());
    EXPECT_EQ(account.ns(hold_cause::ahead_of_share), 0U) << "nobody else was served";

    account.begin(start);
    ring.note(other, 10us, start + 30us);
    account.end(ring, own, 60us, 1, start + 50us);
    EXPECT_EQ(account.ns(hold_cause::ahead_of_share), 0U) << "it was eligible all the time";

    account.begin(start);
    account.end(ring, own, 20us, 3, start + 50us);
    EXPECT_EQ(account.ns(hold_cause::ahead_of_share), ns(30us));
    EXPECT_EQ(account.item_ns(), ns(90us));
    EXPECT_EQ(account.beneficiaries()[0].who, &other);
    EXPECT_EQ(account.beneficiaries()[0].ns, ns(10us));
}

TEST(HoldAccount, KeepsWhoWasServedMost) {
    std::deque<tenant_share> others(6);
    hold_account account;
    for (int round = 0; round != 50; ++round) {
        account.credit(others[0], 3us);
        account.credit(others[1], 2us);
        account.credit(others[static_cast<std::size_t>(2 + round % 4)], 10ns);
    }

    std::uint64_t of_first = 0;
    std::uint64_t of_second = 0;
    for (const auto& each : account.beneficiaries()) {
        of_first += each.who == &others[0] ? each.ns : 0;
        of_second += each.who == &others[1] ? each.ns : 0;
    }
    EXPECT_EQ(of_first, ns(150us));
    EXPECT_EQ(of_second, ns(100us));
}

TEST(HoldAccount, WaitingForRoomIsNoThrottling) {
    hold_account account;
    account.add(hold_cause::no_capacity, 5us, 7);
    EXPECT_EQ(account.ns(hold_cause::no_capacity), ns(5us));
    EXPECT_EQ(account.item_ns(), 0U);
    for (std::size_t i = 0; i != hold_causes; ++i) {
        const auto cause = static_cast<hold_cause>(i);
        EXPECT_EQ(is_throttling(cause), cause != hold_cause::no_capacity) << name_of(cause);
    }
}

/// What a start of eight servers' worth is judged as.
struct watched {
    hold_watch::start start_of(std::uint32_t own_servers, std::uint32_t all) const {
        return {.who = &own,
                .weight = fixed_weight_one,
                .weight_here = 2 * std::int64_t{fixed_weight_one},
                .own = own_servers,
                .all = all,
                .waiting = 2};
    }
    hold_cause judge(const hold_watch::start& of) {
        hold_account account;
        watch.note_start(account, of, start, start + 1ms);
        for (std::size_t i = 0; i != hold_causes; ++i) {
            if (account.ns(static_cast<hold_cause>(i)) == ns(1ms)) {
                return static_cast<hold_cause>(i);
            }
        }
        ADD_FAILURE() << "the time is on no account";
        return hold_cause::admission;
    }

    tenant_share own;
    tenant_share other;
    hold_watch watch{8};
};

TEST(HoldWatch, TellsShareFromCapacityByWhatTheTenantHas) {
    watched w;
    EXPECT_EQ(w.judge(w.start_of(5, 8)), hold_cause::no_capacity) << "nobody else was served";
    w.watch.note_served(w.other, 10us, start + 10us);

    EXPECT_EQ(w.judge(w.start_of(5, 8)), hold_cause::ahead_of_share);
    EXPECT_EQ(w.judge(w.start_of(4, 8)), hold_cause::no_capacity) << "no more than its share";

    w.watch.set_capacity(8, 1);
    EXPECT_EQ(w.judge(w.start_of(7, 7)), hold_cause::kept_thread);
    EXPECT_EQ(w.judge(w.start_of(5, 6)), hold_cause::ahead_of_share) << "more than that was free";
    EXPECT_EQ(w.judge(w.start_of(1, 7)), hold_cause::no_capacity);
}

TEST(HoldWatch, WhoIsServedElsewhereBenefitsToo) {
    watched w;
    served_ring elsewhere;
    w.watch.look_at({&elsewhere});
    elsewhere.note(w.other, 10us, start + 10us);

    EXPECT_EQ(w.judge(w.start_of(8, 8)), hold_cause::ahead_of_share);
    hold_account account;
    w.watch.note_start(account, w.start_of(8, 8), start, start + 4us);
    EXPECT_EQ(account.beneficiaries()[0].who, &w.other);
    EXPECT_EQ(account.beneficiaries()[0].ns, ns(4us)) << "no longer than the hold";
    w.watch.note_start(account, w.start_of(8, 8), start, start);
    EXPECT_EQ(account.ns(hold_cause::ahead_of_share), ns(4us)) << "who starts at once was not held";
}

// A hog always has work, a guest comes now and then for less than its share: only the hog is held
// back, for the guest, and no longer than the guest runs.
TEST(HoldAccount, TheAsyncQueueHoldsWhoIsAheadForWhoIsNot) {
    tenant_share hog_share;
    tenant_share guest_share;
    lane_set hog(hog_share);
    lane_set guest(guest_share);
    fair_queue queue(policy::fair, 1, queue_id::async);
    fair_shard& shard = queue.shard(0);
    std::deque<work_item> items;
    instant now = start;
    duration of_guest{};
    shard.push(hog, items.emplace_back(), now);
    shard.push(hog, items.emplace_back(), now);
    for (int turn_number = 0; turn_number != 2000; ++turn_number) {
        if (turn_number % 10 == 0) {
            shard.push(guest, items.emplace_back(), now);
        }
        const turn granted = shard.pick(now);
        work_item* const served = shard.pop(*granted.lanes, now);
        const duration cost = granted.lanes == &guest ? 20us : 50us;
        of_guest += granted.lanes == &guest ? cost : 0us;
        now += cost;
        if (granted.lanes == &hog) {
            shard.push(hog, *served, now);
        }
        shard.settle(*granted.lanes, cost, now);
    }

    EXPECT_EQ(hog.waiting_since(), hog.next_queued_at());
    const std::uint64_t held = hog.holds().ns(hold_cause::ahead_of_share);
    EXPECT_GT(held, ns(of_guest) / 4);
    EXPECT_LE(held, ns(of_guest));
    EXPECT_EQ(hog.holds().item_ns(), 2 * held);
    EXPECT_EQ(hog.holds().beneficiaries()[0].who, &guest_share);
    EXPECT_EQ(guest.holds().ns(hold_cause::ahead_of_share), 0U);
    while (const turn granted = shard.pick(now)) {
        while (shard.pop(*granted.lanes, now) != nullptr) {
        }
        shard.settle(*granted.lanes, 1us, now);
    }
}

TEST(HoldAccount, APoolTellsWhoWaitsForRoomFromWhoHasMoreThanItsShare) {
    tenant_share crowd_share;
    tenant_share guest_share;
    pool_lanes crowd(crowd_share);
    pool_lanes guest(guest_share);
    pool_order order(policy::fair, 2, queue_id::disk);
    std::deque<pool_item> items;
    for (int i = 0; i != 4; ++i) {
        order.push(crowd, items.emplace_back(), start);
    }
    pool_grant first = order.pick(0, start);
    pool_grant second = order.pick(0, start);
    order.push(guest, items.emplace_back(), start + 1ms);
    EXPECT_EQ(crowd.waiting_since(), start);
    EXPECT_EQ(crowd.holds().ns(hold_cause::no_capacity), 0U) << "both began at once";

    order.settle(first, 2ms, start + 2ms);
    pool_grant of_guest = order.pick(0, start + 2ms);
    ASSERT_EQ(of_guest.lanes, &guest);
    EXPECT_EQ(guest.holds().ns(hold_cause::no_capacity), ns(1ms));
    EXPECT_EQ(guest.holds().beneficiaries()[0].who, &crowd_share) << "it had the room";
    EXPECT_FALSE(order.hold_so_far(guest, start + 3ms)) << "nothing of it waits";
    order.settle(of_guest, 1ms, start + 3ms);
    const auto so_far = order.hold_so_far(crowd, start + 3ms);
    EXPECT_EQ(so_far.why, hold_cause::ahead_of_share) << "it had both servers when it began";
    EXPECT_EQ(so_far.held, 3ms);
    EXPECT_EQ(so_far.items, 2U);
    EXPECT_EQ(so_far.other.who, &guest_share);
    EXPECT_EQ(crowd.holds().ns(hold_cause::ahead_of_share), 0U) << "looking notes nothing";
    pool_grant third = order.pick(0, start + 3ms);
    ASSERT_EQ(third.lanes, &crowd);
    EXPECT_EQ(crowd.holds().ns(hold_cause::ahead_of_share), ns(3ms));
    EXPECT_EQ(crowd.holds().item_ns(), ns(6ms));
    EXPECT_EQ(crowd.holds().beneficiaries()[0].who, &guest_share);

    for (pool_grant* const each : {&second, &third}) {
        order.settle(*each, 1ms, start + 4ms);
    }
    pool_grant last = order.pick(0, start + 4ms);
    order.settle(last, 1ms, start + 5ms);
}

}  // namespace
}  // namespace drama
