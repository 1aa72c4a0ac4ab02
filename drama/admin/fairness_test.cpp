// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/fairness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "drama/admin/metrics.hpp"
#include "drama/admin/report.hpp"

namespace drama {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<double> shared(std::vector<cpu_claim> claims, double supply) {
    std::vector<cpu_claim*> order;
    for (cpu_claim& each : claims) {
        order.push_back(&each);
    }
    share_out(order, supply);
    std::vector<double> entitled;
    for (const cpu_claim& each : claims) {
        entitled.push_back(each.entitled);
    }
    return entitled;
}

TEST(ShareOut, FollowsTheWeightsOfThoseInWant) {
    EXPECT_EQ(shared({{.weight = 1, .wanted = 9}, {.weight = 3, .wanted = 9}}, 2),
              (std::vector{0.5, 1.5}));
}

TEST(ShareOut, WhoWantsLessLeavesTheRestToTheOthers) {
    const std::vector<cpu_claim> claims{
        {.weight = 1, .wanted = 9}, {.weight = 4, .wanted = 0.1}, {.weight = 2, .wanted = 9}};

    const std::vector<double> entitled = shared(claims, 1);

    EXPECT_DOUBLE_EQ(entitled[0], 0.3);
    EXPECT_DOUBLE_EQ(entitled[1], 0.1);
    EXPECT_DOUBLE_EQ(entitled[2], 0.6);
}

TEST(ShareOut, NobodyGetsMoreThanItWants) {
    EXPECT_EQ(shared({{.weight = 1, .wanted = 1}, {.weight = 8, .wanted = 1}}, 2),
              (std::vector{1.0, 1.0}));
}

TEST(JainIndex, IsOneForEqualsAndOneByNForOneWhoHasAll) {
    EXPECT_DOUBLE_EQ(jain_index(std::vector{0.7, 0.7, 0.7}), 1);
    EXPECT_DOUBLE_EQ(jain_index(std::vector{4.0, 0.0, 0.0, 0.0}), 0.25);
    EXPECT_DOUBLE_EQ(jain_index({}), 1);
}

class Fairness : public testing::Test {
  protected:
    static runtime_options quiet() {
        runtime_options options;
        options.workers = 1;
        options.log = [](const std::string&) {};
        return options;
    }
    tenant named(const char* name) { return rt_.tenants().get_or_create(name); }
    static void run(const tenant& of, std::uint64_t cpu_ms, std::uint64_t waited_ms) {
        of.record().usage.cpu_ns.add(cpu_ms * 1'000'000);
        of.record().usage.queue_wait_ns.add(waited_ms * 1'000'000);
    }
    tenant_window second() {
        history_.sample(rt_, now_ += 1s);
        return history_.last(1s);
    }

    runtime rt_{quiet()};
    tenant_history history_;
    instant now_{1s};
};

TEST_F(Fairness, WhoIsHeldBackIsTheVictimAndWhoWantsLittleIsContent) {
    second();
    run(named("hog"), 850, 20'000);
    run(named("victim"), 100, 900);
    run(named("light"), 50, 400);  // served soon: never mind its share
    named("idle");

    const tenant_window window = second();
    const fairness_figures seen = fairness_in(rt_, window);

    // 950 ms are left for two in want: 475 each.
    EXPECT_NEAR(satisfaction_of(window.of(named("hog").id())), 850.0 / 475, 1e-6);
    EXPECT_NEAR(satisfaction_of(window.of(named("victim").id())), 100.0 / 475, 1e-6);
    EXPECT_NEAR(satisfaction_of(window.of(named("light").id())), 1, 1e-6);
    EXPECT_FALSE(has_demand(window.of(named("idle").id()), window.length));
    EXPECT_EQ(seen.tenants, 3U);
    EXPECT_EQ(seen.victims, 1U);
    EXPECT_EQ(seen.least_name, "victim");
    EXPECT_NEAR(seen.jain, 3 * 3 / (3 * (1.7894737 * 1.7894737 + 0.2105263 * 0.2105263 + 1)), 1e-6);
}

TEST_F(Fairness, WeightsCount) {
    named("heavy").set({.weight = 3});
    second();
    run(named("heavy"), 750, 5'000);
    run(named("other"), 250, 5'000);

    EXPECT_NEAR(fairness_in(rt_, second()).jain, 1, 1e-9);
}

TEST_F(Fairness, OneTaskAloneIsEntitledToNoMoreThanItCanUse) {
    second();
    run(named("single"), 1000, 0);
    named("single").set({.weight = 9});
    run(named("wide"), 1000, 9'000);

    const fairness_figures seen = fairness_in(rt_, second());

    EXPECT_NEAR(seen.least, 1, 1e-9);
}

TEST_F(Fairness, StandsInTheReports) {
    second();
    run(named("hog"), 900, 20'000);
    run(named("victim"), 100, 900);
    const tenant_window window = second();
    const fairness_figures seen = fairness_in(rt_, window);

    EXPECT_THAT(runtime_json(rt_, &seen),
                HasSubstr(R"("fairness":{"window_ns":1000000000,"tenants":2,"jain":0.6)"));
    EXPECT_THAT(runtime_json(rt_, &seen), HasSubstr(R"("satisfaction_min_tenant":"victim")"));
    EXPECT_THAT(runtime_json(rt_), Not(HasSubstr("fairness")));
    const std::string sorted = tenants_json(
        rt_, {.is_plain = false, .sort = tenant_order::satisfaction, .top = 1}, window);
    EXPECT_THAT(sorted, HasSubstr(R"("name":"victim")"));
    EXPECT_THAT(sorted, HasSubstr(R"("satisfaction":0.2)"));
    const std::string metrics = metrics_text(rt_, {.window = &window});
    EXPECT_THAT(metrics, HasSubstr("drama_fairness_victims 1\n"));
    EXPECT_THAT(metrics, HasSubstr("drama_tenant_satisfaction_ratio{tenant=\"victim\"} 0.2"));
    EXPECT_THAT(metrics_text(rt_), Not(HasSubstr("fairness_jain")));
}

}  // namespace
}  // namespace drama
