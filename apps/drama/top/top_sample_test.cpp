// SPDX-License-Identifier: Apache-2.0
// Rates between two looks, their order, and answers that are none.
#include "top/top_sample.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "top/top_view.hpp"

namespace drama::cli {
namespace {

using testing::HasSubstr;

constexpr std::string_view process =
    R"({"io":"epoll","tasks_alive":3,"queued":1,"compute_queued":2,"blocking_queued":4,
        "saturation":{"process":0.5,"cause":"cpu","over":true,"delay_max_ns":1,
                      "resources":{"cpu":0.5,"disk":0}}})";

std::string tenant_text(int id, std::string_view name, std::uint64_t cpu_ns,
                        std::uint64_t wait_ns) {
    return "{\"id\":" + std::to_string(id) + ",\"name\":\"" + std::string(name) +
           "\",\"weight\":2,\"tasks\":1,\"cpu_ns\":" + std::to_string(cpu_ns) +
           ",\"queue_wait_ns\":" + std::to_string(wait_ns) +
           ",\"pool_wait_ns\":5,\"tasks_ended\":" + std::to_string(cpu_ns / 1'000'000) +
           ",\"depth\":{\"async\":" + std::to_string(id) +
           ",\"compute\":1,\"blocking\":0},\"operations\":{\"recv\":{\"count\":" +
           std::to_string(id) + ",\"bytes\":10,\"errors\":0}}}";
}

top_sample sample(const std::string& tenants, instant at) {
    auto made = read_sample("{\"tenants\":[" + tenants + "]}", process, at);
    EXPECT_TRUE(made) << made.error();
    return made.value_or(top_sample{});
}

std::vector<std::string> names(const std::vector<tenant_row>& rows) {
    std::vector<std::string> all;
    for (const tenant_row& each : rows) {
        all.push_back(each.name);
    }
    return all;
}

TEST(TopSample, RatesAreOverTheWindowWhereTheServerTellsOne) {
    const auto look = [](std::uint64_t cpu_ns, instant at) {
        const auto made = read_sample(
            R"({"window_ns":4000000000,"tenants":[{"id":1,"name":"a","weight":1,"cpu_ns":)" +
                std::to_string(cpu_ns) +
                R"(,"tasks_ended":9,"oldest_ns":{"disk":5000000000},"window":{"cpu_ns":1000000000,)"
                R"("wait_ns":8000000000,"throttled_ns":2000000000,"tasks_ended":40,)"
                R"("satisfaction":0.625}}]})",
            process, at);
        EXPECT_TRUE(made) << made.error();
        return made.value_or(top_sample{});
    };

    const top_view view = top_view::between("here:1", look(0, instant(1s)), look(500, instant(2s)),
                                            order_named("oldest"));

    EXPECT_DOUBLE_EQ(view.seconds, 4);
    EXPECT_EQ(view.order, top_order::oldest);
    ASSERT_EQ(view.rows.size(), 1U);
    EXPECT_DOUBLE_EQ(view.rows[0].cores, 0.25);
    EXPECT_DOUBLE_EQ(view.rows[0].waiting, 2);
    EXPECT_DOUBLE_EQ(view.rows[0].holds.throttled, 0.5);
    EXPECT_DOUBLE_EQ(view.rows[0].tasks_ended, 10);
    EXPECT_DOUBLE_EQ(view.rows[0].wait_us, 200'000);
    EXPECT_DOUBLE_EQ(figure_of(view.rows[0], top_order::oldest), 5);
    EXPECT_THAT(top_view::line_of(view.rows[0]), HasSubstr(" 100%   62% "));
}

TEST(TopSample, TheHeadTellsHowFairItIs) {
    std::string fair(process);
    fair.insert(1, R"("fairness":{"tenants":3,"jain":0.75,"victims":1,"lag_max_ns":212000000,)"
                   R"("lag_max_tenant":"acme"},)");
    const auto made = read_sample(R"({"tenants":[]})", fair, instant(1s));
    ASSERT_TRUE(made) << made.error();

    const top_view view = top_view::between("here:1", *made, *made, top_order::cpu);

    EXPECT_THAT(view.head()[2],
                HasSubstr("  fair 0.75 (Jain) among 3, victims 1, owed at most 212 ms (acme)"));
    EXPECT_THAT(view.json(), HasSubstr(R"("fairness":{"tenants":3,"jain":0.75,"victims":1,)"));
}

TEST(TopSample, RatesArePerSecondOfTheInterval) {
    const top_sample before = sample(tenant_text(1, "a", 1'000'000'000, 0), instant(0s));
    const top_sample after = sample(tenant_text(1, "a", 2'000'000'000, 4'000'000'000) + "," +
                                        tenant_text(2, "new", 3'000'000'000, 0),
                                    instant(2s));

    const auto rows = rows_between(before, after, top_order::wait);

    ASSERT_THAT(names(rows), testing::ElementsAre("a", "new"));
    EXPECT_DOUBLE_EQ(rows[0].cores, 0.5);
    EXPECT_DOUBLE_EQ(rows[0].share, 0.25);
    EXPECT_DOUBLE_EQ(rows[0].waiting, 2);
    EXPECT_DOUBLE_EQ(rows[0].tasks_ended, 500);
    EXPECT_DOUBLE_EQ(rows[0].wait_us, 4000);
    EXPECT_DOUBLE_EQ(rows[0].operations, 0);
    EXPECT_EQ(rows[0].weight, 2);
    EXPECT_EQ(rows[0].depth(), 2U);
    EXPECT_DOUBLE_EQ(rows[1].cores, 1.5) << "a new tenant has done all of it since";
    EXPECT_DOUBLE_EQ(rows[1].operations, 1);
    EXPECT_DOUBLE_EQ(rows[1].bytes, 5);
}

TEST(TopSample, RowsAreSortedByTheChosenFigureAndThenByName) {
    const top_sample none = sample("", instant(0s));
    const top_sample all =
        sample(tenant_text(1, "cpu", 9, 0) + "," + tenant_text(2, "wait", 0, 9) + "," +
                   tenant_text(3, "depth", 0, 0) + "," + tenant_text(4, "also", 0, 0),
               instant(1s));

    EXPECT_THAT(names(rows_between(none, all, top_order::cpu)),
                testing::ElementsAre("cpu", "also", "depth", "wait"));
    EXPECT_THAT(names(rows_between(none, all, top_order::depth)),
                testing::ElementsAre("also", "depth", "wait", "cpu"));
    EXPECT_THAT(names(rows_between(none, all, top_order::wait)),
                testing::ElementsAre("wait", "also", "cpu", "depth"));
}

TEST(TopSample, AnswersOfSomethingElseAreRefused) {
    for (const std::string_view wrong :
         {"", "not JSON", "[]", "{}", R"({"tenants":[{}]})", R"({"tenants":[{"id":"one"}]})"}) {
        const auto made = read_sample(wrong, process, instant(0s));
        ASSERT_FALSE(made) << wrong;
        EXPECT_THAT(made.error(), HasSubstr("not the answer of a drama runtime"));
    }
    EXPECT_FALSE(read_sample(R"({"tenants":[]})", "{}", instant(0s)));
}

TEST(TopView, ShowsTheProcessAndEachTenantInOneLine) {
    const top_sample none = sample("", instant(0s));
    const top_sample one = sample(tenant_text(1, "g\\u0007ld", 500'000'000, 0), instant(1s));

    const top_view view = top_view::between("host:1", none, one, top_order::cpu);

    EXPECT_EQ(view.head()[0],
              "drama top  host:1  io epoll  1 tenants  3 tasks  queued 1 async, 2 compute, "
              "4 blocking");
    EXPECT_EQ(view.head()[2], "saturation 0.50 by cpu, refusing work");
    EXPECT_EQ(view.head()[3], "cpu [#####     ]  disk [          ]");
    EXPECT_THAT(view.text(), HasSubstr("\ng?ld                     2  0.500  100%"));
    EXPECT_THAT(view.text(), HasSubstr(" 1/1/0/0 "));
    EXPECT_THAT(view.json(), HasSubstr("\"tenant\":\"g\\u0007ld\",\"weight\":2"));
}

}  // namespace
}  // namespace drama::cli
