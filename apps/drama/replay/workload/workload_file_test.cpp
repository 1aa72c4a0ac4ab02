// SPDX-License-Identifier: Apache-2.0
#include "replay/workload/workload_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drama::cli {
namespace {

constexpr std::string_view two_tenants = R"(
name = "two"
workers = 4
seconds = 3

[[tenant]]
name = "web"
count = 3
weight = 2
arrivals = "poisson"
rate = 100
class = "write"
cost = "exponential"
cost_us = 50

[[tenant]]
name = "batch"
)";

std::expected<workload, std::vector<std::string>> parse(std::string_view text) {
    return parse_workload(text, "w.toml", [](workload&) {});
}

std::string first_error(std::string_view text) {
    const auto made = parse(text);
    return made ? "" : made.error().front();
}

TEST(WorkloadFile, TakesTenantsWithTheirArrivalsAndCosts) {
    const auto made = parse(two_tenants);

    ASSERT_TRUE(made) << first_error(two_tenants);
    ASSERT_EQ(made->tenants.size(), 2U);
    const tenant_plan& web = made->tenants[0];
    EXPECT_EQ(web.count, 3U);
    EXPECT_EQ(web.weight, 2);
    EXPECT_EQ(web.cls(), work_class::write);
    EXPECT_EQ(web.stages[0].cost.form, "exponential");
    EXPECT_EQ(web.stages[0].cost.mean_us, 50);
    EXPECT_EQ(made->queues[0].servers, 4U);
    EXPECT_EQ(made->tenant_count(), 4U);
}

TEST(WorkloadFile, BackloggedTenantsHaveEnoughNeverToRunDry) {
    EXPECT_EQ(parse(two_tenants)->tenants[1].outstanding, 5U);
}

TEST(WorkloadFile, FlagsWinOverSettings) {
    const auto made =
        parse_workload(two_tenants, "w.toml", [](workload& into) { into.workers = 9; });

    EXPECT_EQ(made->queues[0].servers, 9U);
}

TEST(WorkloadFile, StagesNameTheirQueues) {
    const auto made = parse(R"(
[[queue]]
name = "cpu"
[[queue]]
name = "disk"
kind = "disk"
servers = 1
[[tenant]]
name = "a"
[[tenant.stage]]
queue = "cpu"
cost_us = 1
[[tenant.stage]]
queue = "disk"
cost_us = 3
)");

    ASSERT_TRUE(made);
    EXPECT_EQ(made->tenants[0].stages[1].queue_index, 1U);
    EXPECT_EQ(made->tenants[0].stages[1].cost.mean_us, 3);
}

TEST(WorkloadFile, SaysWhereAndWhatIsWrong) {
    using ::testing::HasSubstr;
    EXPECT_THAT(first_error("[[tenant]]\nname = 'a'\nwait = 3\n"), HasSubstr("w.toml:3"));
    EXPECT_THAT(first_error("[[tenant]]\nname = 'a'\nweight = 0\n"), HasSubstr("weight"));
    EXPECT_THAT(first_error("[[tenant]]\nname = 'a'\narrivals = 'poisson'\n"), HasSubstr("rate"));
    EXPECT_THAT(first_error("[[tenant]]\nname = 'a'\nrate = 3\n"), HasSubstr("no rate"));
    EXPECT_THAT(first_error("[[tenant]]\nname = 'a'\n[[tenant]]\nname = 'a'\n"),
                HasSubstr("needs a name of its own"));
    EXPECT_THAT(first_error("[[tenant]]\nname = 'a'\ngroup = 'g'\n"), HasSubstr("no group 'g'"));
    EXPECT_THAT(first_error("[[tenant]]\nname = 'a'\nqueue = 'q'\n"), HasSubstr("no queue 'q'"));
    EXPECT_THAT(first_error("orders = ['best']\n"), HasSubstr("none of drama"));
    EXPECT_THAT(first_error("seconds = 1\n[[tenant]]\nname = 'a'\n"), HasSubstr("warm_up"));
    EXPECT_THAT(first_error("seconds = 5\n"), HasSubstr("no tenants"));
    EXPECT_THAT(first_error("workers = 257\n"), HasSubstr("256"));
    EXPECT_THAT(first_error("seconds = \n"), HasSubstr("w.toml:1"));
}

}  // namespace
}  // namespace drama::cli
