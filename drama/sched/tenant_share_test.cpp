// SPDX-License-Identifier: Apache-2.0
#include "drama/sched/tenant_share.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace drama {
namespace {

constexpr queue_id async = queue_id::async;
constexpr virtual_time clock_at = 1'000'000'000;

TEST(TenantShare, ChargesServiceOverWeightAndAtLeastOneUnit) {
    tenant_share light(4);
    EXPECT_EQ(light.charge(1ms), 250'000 * virtual_units_per_ns);
    EXPECT_EQ(light.service(), 250'000 * virtual_units_per_ns);

    tenant_share heavy(weight_max);
    EXPECT_EQ(heavy.charge(0ns), 1);
    EXPECT_EQ(heavy.charge(1ns), 1);
}

TEST(TenantShare, NewTenantStartsAtTheClock) {
    tenant_share share;
    share.charge(5s);

    const sums_change joined = share.join(async, clock_at, 100us);

    EXPECT_EQ(share.position(async), clock_at);
    EXPECT_EQ(joined.weight, fixed_weight_one);
    EXPECT_EQ(joined.moment, std::uint64_t{fixed_weight_one} * clock_at);
    share.leave(async);
}

TEST(TenantShare, ReturnsWithAtMostOneSliceOfCredit) {
    tenant_share share(2);
    share.join(async, clock_at, 100us);
    share.leave(async);

    const virtual_time later = clock_at + to_virtual(10s, fixed_weight_one);
    share.join(async, later, 100us);

    EXPECT_EQ(gap(share.position(async), later), -to_virtual(100us, share.weight()));
    share.leave(async);
}

TEST(TenantShare, ReturnsWithItsDebtUpToTheForgivable) {
    tenant_share share;
    share.join(async, clock_at, 100us);
    share.charge(1ms);
    share.leave(async);
    share.join(async, clock_at, 100us);
    EXPECT_EQ(gap(share.position(async), clock_at), to_virtual(1ms, share.weight()));

    share.charge(1s);
    share.leave(async);
    share.join(async, clock_at, 100us);
    EXPECT_EQ(gap(share.position(async), clock_at),
              to_virtual(slice_max * debt_slices_max, share.weight()));
    share.leave(async);
}

TEST(TenantShare, ADebtIsPaidByTheTimeSinceItLeft) {
    constexpr std::uint64_t half = std::uint64_t{virtual_units_per_ns} << 31;
    tenant_share share;
    share.join(async, clock_at, 100us);
    share.charge(1ms);
    share.leave(async, instant(1s));
    share.join(async, clock_at, 100us, 2ms, {.now = instant(1s) + 800us, .forgiving_rate = half});
    EXPECT_EQ(gap(share.position(async), clock_at), to_virtual(600us, share.weight()));

    share.leave(async, instant(2s));
    share.join(async, clock_at, 100us, 2ms, {.now = instant(3s), .forgiving_rate = half});
    EXPECT_EQ(share.position(async), clock_at) << "no debt becomes a credit";
    share.charge(1ms);
    share.leave(async);  // nobody knows when
    share.join(async, clock_at, 100us, 2ms, {.now = instant(9s), .forgiving_rate = half});
    EXPECT_EQ(gap(share.position(async), clock_at), to_virtual(1ms, share.weight()));
    share.leave(async);
}

TEST(TenantShare, SeveralLaneSetsCountOnceAndTheLastOneTakesOutWhatIsIn) {
    tenant_share share(3);
    sums_change sum = share.join(async, clock_at, 100us);
    const auto add = [&sum](const sums_change& change) {
        sum.moment += change.moment;
        sum.weight += change.weight;
    };
    add(share.join(async, clock_at + 5, 100us));
    EXPECT_EQ(sum.weight, 3 * fixed_weight_one);

    share.charge(70us);
    add(share.account(async));
    EXPECT_EQ(sum.moment,
              std::uint64_t{share.weight()} * static_cast<std::uint64_t>(share.position(async)));
    share.set_weight(5);
    add(share.account(async));
    EXPECT_EQ(sum.weight, 5 * fixed_weight_one);
    EXPECT_EQ(sum.moment,
              std::uint64_t{share.weight()} * static_cast<std::uint64_t>(share.position(async)));
    share.charge(33us);  // in another queue, never accounted here
    add(share.leave(async));
    EXPECT_EQ(sum.weight, 5 * fixed_weight_one);
    add(share.leave(async));

    EXPECT_EQ(sum.weight, 0);
    EXPECT_EQ(sum.moment, 0U);
}

TEST(TenantShare, HoldMovesThePositionInOneQueueAlone) {
    tenant_share share;
    share.join(async, clock_at, 100us);
    share.join(queue_id::compute, clock_at, 100us);

    share.account(queue_id::compute, 777);

    EXPECT_EQ(share.position(queue_id::compute), clock_at + 777);
    EXPECT_EQ(share.position(async), clock_at);
    EXPECT_EQ(share.service(), 0);
    share.leave(async);
    share.leave(queue_id::compute);
}

TEST(TenantShare, ConcurrentMembersLeaveSumsOfZero) {
    tenant_share share(2);
    constexpr std::size_t threads = 4;
    std::vector<sums_change> sums(threads);
    std::vector<std::thread> running;
    for (std::size_t t = 0; t != threads; ++t) {
        running.emplace_back([&share, &sum = sums[t], t] {
            const auto add = [&sum](const sums_change& change) {
                sum.moment += change.moment;
                sum.weight += change.weight;
            };
            for (int i = 0; i != 20'000; ++i) {
                add(share.join(async, clock_at + i, 100us));
                share.charge(duration(i % 1000));
                add(share.account(async));
                if (i % 100 == 0) {
                    share.set_weight(static_cast<double>(1 + t + static_cast<std::size_t>(i) % 7));
                }
                add(share.leave(async));
            }
        });
    }
    for (auto& each : running) {
        each.join();
    }

    sums_change total;
    for (const sums_change& each : sums) {
        total.moment += each.moment;
        total.weight += each.weight;
    }
    EXPECT_EQ(total.weight, 0);
    EXPECT_EQ(total.moment, 0U);
}

}  // namespace
}  // namespace drama
