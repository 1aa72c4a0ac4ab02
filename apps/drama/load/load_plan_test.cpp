// SPDX-License-Identifier: Apache-2.0
// Groups from texts, their faults, shares of a rate, and the request that a group sends.
#include "load/load_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drama::cli {
namespace {

using testing::HasSubstr;

std::string fault_in(std::string_view text) {
    load_group made;
    return read_group(text, {}, made);
}

TEST(LoadPlan, AGroupsTextChangesWhatItNamesAndNothingElse) {
    load_group base;
    base.path = "/base";
    base.headers = {"A: 1"};
    load_group made;

    ASSERT_EQ(read_group("name=g,rate=2.5,header=B: 2,connections=7", base, made), "");

    EXPECT_EQ(made.name, "g");
    EXPECT_EQ(made.rate, 2.5);
    EXPECT_EQ(made.connections, 7U);
    EXPECT_EQ(made.path, "/base");
    EXPECT_THAT(made.headers, testing::ElementsAre("A: 1", "B: 2"));
}

TEST(LoadPlan, WrongTextsSayWhatIsWrong) {
    EXPECT_THAT(fault_in("speed=1"), HasSubstr("'speed=1' is no KEY=VALUE of a group"));
    EXPECT_THAT(fault_in("rate"), HasSubstr("'rate' is no KEY=VALUE"));
    EXPECT_THAT(fault_in("rate=fast"), HasSubstr("rate: 'fast' is no number from 0 to"));
    EXPECT_THAT(fault_in("rate=nan"), HasSubstr("is no number"));
    EXPECT_THAT(fault_in("connections=0"), HasSubstr("connections: '0' is no number from 1"));
    EXPECT_THAT(fault_in("path=echo"), HasSubstr("path: a path is / and more"));
    EXPECT_THAT(fault_in("path=/a b"), HasSubstr("path: a path is / and more"));
    EXPECT_THAT(fault_in("method=get"), HasSubstr("method: a method is upper case"));
    EXPECT_THAT(fault_in("header=x"), HasSubstr("header: a header is NAME: VALUE"));
    EXPECT_THAT(fault_in("token=a b"), HasSubstr("token: a token has no blanks"));
    EXPECT_THAT(fault_in("tenant=a\r\nb"), HasSubstr("control characters"));
    EXPECT_THAT(fault_in("arrivals=often"), HasSubstr("'often' is none of"));
}

TEST(LoadPlan, TheLawFollowsTheRateUnlessItIsNamed) {
    load_group group;
    EXPECT_EQ(group.law(), arrival_law::closed);
    group.rate = 1;
    EXPECT_EQ(group.law(), arrival_law::poisson);
    group.arrivals = "bursts";
    EXPECT_EQ(group.law(), arrival_law::bursts);
    group.arrivals = "closed";
    EXPECT_THAT(fault_of(group), HasSubstr("a closed loop has none"));
    group.arrivals = "fixed";
    group.rate = 0;
    EXPECT_THAT(fault_of(group), HasSubstr("fixed needs a rate"));
}

TEST(LoadPlan, TheRequestCarriesTenantTokenHeadersAndLength) {
    load_group group;
    group.method = "PUT";
    group.path = "/files/a";
    group.tenant = "gold";
    group.token = "secret";
    group.headers = {"X-Y: z"};
    group.body_bytes = 3;

    EXPECT_EQ(group.head_of(0, "h:1"),
              "PUT /files/a HTTP/1.1\r\nHost: h:1\r\nDrama-Tenant: gold\r\n"
              "Authorization: Bearer secret\r\nContent-Length: 3\r\nX-Y: z\r\n\r\n");
    group.tenants = 2;
    EXPECT_THAT(group.head_of(1, "h"), HasSubstr("Drama-Tenant: gold-1\r\n"));
    EXPECT_EQ(load_group().head_of(0, "h"), "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
}

TEST(LoadPlan, ABodyIsOfOneLetterOrOfWords) {
    load_group group;
    group.body_bytes = 1000;
    EXPECT_EQ(group.make_body(), std::string(1000, 'x'));
    group.body = "words";

    const std::string words = group.make_body();

    EXPECT_EQ(words.size(), 1000U);
    EXPECT_EQ(words, group.make_body());
    EXPECT_NE(words.substr(0, 100), words.substr(100, 100));
}

TEST(LoadPlan, TheTotalRateIsSharedByWeightAmongThoseWithoutOne) {
    load_plan plan;
    plan.total_rate = 100;
    plan.group_texts = {"weight=3", "weight=1", "rate=7", "arrivals=closed"};

    ASSERT_EQ(complete(plan), "");

    EXPECT_EQ(plan.groups[0].rate, 75);
    EXPECT_EQ(plan.groups[1].rate, 25);
    EXPECT_EQ(plan.groups[2].rate, 7);
    EXPECT_EQ(plan.groups[3].rate, 0);
}

TEST(LoadPlan, GroupsAreNamedByTenantOrNumberAndNamesDiffer) {
    load_plan plan;
    plan.group_texts = {"tenant=gold", "path=/echo"};
    ASSERT_EQ(complete(plan), "");
    EXPECT_EQ(plan.groups[0].name, "gold");
    EXPECT_EQ(plan.groups[1].name, "group-2");

    load_plan twice;
    twice.group_texts = {"name=a", "name=a"};
    EXPECT_EQ(complete(twice), "group a: another group has this name");
}

TEST(LoadPlan, WithoutGroupsTheFlagsAreOne) {
    load_plan plan;
    plan.base.rate = 5;

    ASSERT_EQ(complete(plan), "");

    ASSERT_EQ(plan.groups.size(), 1U);
    EXPECT_EQ(plan.groups[0].rate, 5);
}

TEST(LoadPlan, TooManyGroupsAreRefused) {
    load_plan plan;
    plan.groups.resize(load_groups_max + 1);

    EXPECT_EQ(complete(plan), "more than 1000 groups");
}

TEST(LoadPlan, MoreConnectionsThanAllowedAreRefused) {
    load_plan plan;
    plan.base.rate = 1;
    plan.base.connections = 11;
    plan.base.connections_max = 10;

    EXPECT_THAT(complete(plan), HasSubstr("connections: 11 are more than the 10"));
}

TEST(LoadPlan, AddressesMayStandAsUrls) {
    load_plan plan;
    const auto flags = settings_of(plan);
    const flag& url = flags.front();

    EXPECT_EQ(url.target.set("http://localhost:80/"), "");
    EXPECT_EQ(plan.address(), "localhost:80");
    EXPECT_NE(url.target.set("localhost"), "");
    EXPECT_NE(url.target.set("https://localhost:80"), "");
    EXPECT_NE(url.target.set("localhost:0"), "");
    EXPECT_EQ(plan.address(), "localhost:80");
}

}  // namespace
}  // namespace drama::cli
