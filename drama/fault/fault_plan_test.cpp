// SPDX-License-Identifier: Apache-2.0
#include "drama/fault/fault_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "drama/tenant/tenant_registry.hpp"

namespace drama {
namespace {

using enum fault_kind;

constexpr fault_site read_site{.kind = disk_error, .site = "disk.read"};

// Which of `count` askings fire, counted from 1.
std::vector<int> fired_of(fault_plan& plan, const fault_site& at, int count) {
    std::vector<int> fired;
    for (int k = 1; k <= count; ++k) {
        if (plan.decide(at)) {
            fired.push_back(k);
        }
    }
    return fired;
}

TEST(FaultPlan, WithoutRulesOnlyCounts) {
    fault_plan plan(1);

    EXPECT_TRUE(fired_of(plan, read_site, 5).empty());

    EXPECT_TRUE(plan.is_empty());
    EXPECT_EQ(plan.asked(disk_error), 5U);
    EXPECT_EQ(plan.points(), 5U);
    EXPECT_EQ(plan.fired(disk_error), 0U);
}

TEST(FaultPlan, BreaksTheKthOrFromTheKthOn) {
    fault_plan once(1);
    once.add({.kind = disk_error, .when = nth(3)});
    EXPECT_EQ(fired_of(once, read_site, 6), std::vector<int>{3});

    fault_plan on(1);
    on.add({.kind = disk_error, .when = from(4)});
    EXPECT_EQ(fired_of(on, read_site, 6), (std::vector<int>{4, 5, 6}));

    fault_plan all(1);
    all.add({.kind = disk_error});
    EXPECT_EQ(fired_of(all, read_site, 3), (std::vector<int>{1, 2, 3}));
}

TEST(FaultPlan, DrawsEachRuleFromItsOwnStream) {
    constexpr int points = 2'000;
    const fault_site write_site{.kind = disk_slow, .site = "disk.write"};
    fault_plan alone(7);
    alone.add({.kind = disk_error, .when = probability(0.1)});
    fault_plan together(7);
    together.add({.kind = disk_error, .when = probability(0.1)});
    together.add({.kind = disk_slow, .when = probability(0.5)});
    fault_plan other(8);
    other.add({.kind = disk_error, .when = probability(0.1)});

    const std::vector<int> first = fired_of(alone, read_site, points);
    std::vector<int> second;
    for (int k = 1; k <= points; ++k) {
        static_cast<void>(together.decide(write_site));
        if (together.decide(read_site)) {
            second.push_back(k);
        }
    }

    EXPECT_EQ(first, second);
    EXPECT_GT(first.size(), points / 20U);
    EXPECT_LT(first.size(), points / 5U);
    EXPECT_NE(first, fired_of(other, read_site, points));
}

TEST(FaultPlan, ChoosesByTenantSiteAndNode) {
    tenant_registry tenants(1, 8);
    const tenant acme = tenants.get_or_create("acme");
    const tenant beta = tenants.get_or_create("beta");
    fault_plan plan(1);
    plan.add({.kind = disk_error, .tenant = "acme", .site = "disk.read", .node = "left"});
    const fault_site hit{disk_error, "disk.read_at", &acme.record(), "left"};

    EXPECT_TRUE(plan.decide(hit));

    EXPECT_FALSE(plan.decide({disk_error, "disk.read", &beta.record(), "left"}));
    EXPECT_FALSE(plan.decide({disk_error, "disk.read", nullptr, "left"}));
    EXPECT_FALSE(plan.decide({disk_error, "disk.write", &acme.record(), "left"}));
    EXPECT_FALSE(plan.decide({disk_error, "disk.read", &acme.record(), "right"}));
    EXPECT_FALSE(plan.decide({disk_full, "disk.read", &acme.record(), "left"}));
    EXPECT_EQ(plan.fired(disk_error), 1U);
    ASSERT_EQ(plan.log().size(), 1U);
    EXPECT_EQ(to_text(plan.log().front()), "disk_error at disk.read_at of 'acme', the 1st");
}

TEST(FaultPlan, BreaksOnlyWhatIsAboveTheQuota) {
    fault_plan plan(1);
    plan.add({.kind = allocation_fails, .when = over(1'000)});

    EXPECT_FALSE(plan.decide({.kind = allocation_fails, .site = "memory.frame", .amount = 1'000}));
    EXPECT_TRUE(plan.decide({.kind = allocation_fails, .site = "memory.frame", .amount = 1'001}));
}

TEST(FaultPlan, GivesTheRulesValueOrTheUsualOne) {
    fault_plan plan(1);
    plan.add({.kind = disk_error, .when = nth(1)});
    plan.add({.kind = disk_error, .when = from(2), .value = 28});

    EXPECT_EQ(plan.decide(read_site), usual_value(disk_error));
    EXPECT_EQ(plan.decide(read_site), 28);
}

TEST(FaultPlan, ClearHealsAndKeepsTheCounts) {
    fault_plan plan(1);
    plan.add({.kind = disk_error});
    ASSERT_TRUE(plan.decide(read_site));

    plan.clear();

    EXPECT_FALSE(plan.decide(read_site));
    EXPECT_TRUE(plan.is_empty());
    EXPECT_EQ(plan.asked(disk_error), 2U);
    EXPECT_EQ(plan.kinds_fired(), 1U);
}

TEST(FaultPlan, KeepsABoundedLogAndTellsOfEach) {
    fault_plan plan(1);
    plan.add({.kind = disk_error});
    std::uint64_t told = 0;
    plan.observe(
        [](void* with, const fired_fault& fault) noexcept {
            *static_cast<std::uint64_t*>(with) = fault.k;
        },
        &told);

    fired_of(plan, read_site, fault_plan::log_max + 10);

    EXPECT_EQ(told, fault_plan::log_max + 10);
    EXPECT_EQ(plan.fired(disk_error), fault_plan::log_max + 10);
    EXPECT_EQ(plan.log().size(), fault_plan::log_max);
}

TEST(FaultPoint, FollowsThePlanOfTheThread) {
    fault_plan plan(1);
    plan.add({.kind = user, .site = "cache.fill"});
    plan.add({.kind = callback_throws, .site = "compare"});
    EXPECT_FALSE(fault_point("cache.fill"));
    {
        const fault_binding bound(plan);
        EXPECT_TRUE(fault_point("cache.fill"));
        EXPECT_FALSE(fault_point("cache.read"));
        EXPECT_THROW(throw_point("compare"), injected_fault);
        EXPECT_NO_THROW(throw_point("log"));
    }
    EXPECT_FALSE(fault_point("cache.fill"));
    EXPECT_EQ(plan.asked(user), 2U);
}

TEST(FaultKind, HasANameThatIsUnderstoodAndAFamily) {
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < fault_kinds; ++i) {
        const auto kind = static_cast<fault_kind>(i);
        names.push_back(name_of(kind));
        EXPECT_EQ(parse_fault_kind(name_of(kind)), kind);
        EXPECT_FALSE(family_of(kind).empty()) << name_of(kind);
    }
    std::ranges::sort(names);
    EXPECT_TRUE(std::ranges::adjacent_find(names) == names.end());
    EXPECT_EQ(parse_fault_kind("disk"), std::nullopt);
}

}  // namespace
}  // namespace drama
