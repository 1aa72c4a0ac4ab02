// SPDX-License-Identifier: Apache-2.0
#include "explain/explanation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "top/top_view.hpp"

namespace drama::cli {
namespace {

using testing::HasSubstr;

constexpr std::string_view process =
    R"({"io":"epoll","saturation":{"process":0,"cause":"cpu","over":false,"resources":{}}})";

/// `held` ms by `cause` in the blocking queue, in which `guest` was served for a tenth of that.
std::string busy(std::uint64_t cpu_ms, std::uint64_t held, std::string_view cause) {
    const auto ns = [](std::uint64_t ms) { return std::to_string(ms * 1'000'000); };
    return R"({"id":1,"name":"busy","weight":1,"cpu_ns":)" + ns(cpu_ms) + R"(,"blocking_ns":)" +
           ns(8 * cpu_ms) + R"(,"depth":{"blocking":7},"lag_ns":{"async":1,"blocking":-2000000},)" +
           R"("oldest_ns":{"blocking":3000000},"holds":{"blocking":{"item_ns":)" + ns(7 * held) +
           R"(,"causes":{")" + std::string(cause) + R"(":)" + ns(held) +
           R"(},"beneficiaries":[{"tenant":"guest","ns":)" + ns(held / 10) + R"(}]}}})";
}

std::string guest(std::uint64_t cpu_ms) {
    return R"({"id":2,"name":"guest","weight":3,"cpu_ns":)" + std::to_string(cpu_ms * 1'000'000) +
           "}";
}

top_sample sample(const std::string& tenants, instant at) {
    auto made = read_sample("{\"tenants\":[" + tenants + "]}", process, at);
    EXPECT_TRUE(made) << made.error();
    return made.value_or(top_sample{});
}

explanation of(std::string_view tenant, std::string_view cause) {
    const auto made = explain(tenant, sample(busy(100, 200, cause) + "," + guest(0), instant(1s)),
                              sample(busy(400, 1200, cause) + "," + guest(100), instant(3s)));
    EXPECT_TRUE(made);
    return made.value_or(explanation{});
}

TEST(Explanation, SaysWhatThrottlesATenantForWhomAndWhatToDo) {
    const explanation made = of("busy", "kept_thread");

    EXPECT_EQ(made.verdict, "throttled in blocking by kept_thread; meanwhile guest was served");
    EXPECT_DOUBLE_EQ(made.entitled, 0.25);
    EXPECT_DOUBLE_EQ(made.row.share, 0.75);
    EXPECT_DOUBLE_EQ(made.row.blocking, 1.2);
    EXPECT_DOUBLE_EQ(made.row.holds.throttled, 0.5);
    EXPECT_DOUBLE_EQ(made.row.holds.items, 3.5);
    EXPECT_DOUBLE_EQ(made.row.lag, -0.002) << "the largest, whatever its sign";
    ASSERT_EQ(made.queues.size(), 1U);
    EXPECT_DOUBLE_EQ(made.queues[0].oldest_seconds, 0.003);
    ASSERT_EQ(made.advice.size(), 1U);
    EXPECT_THAT(made.advice[0], HasSubstr("raise the maximum of threads"));
    EXPECT_THAT(made.text(), HasSubstr("  blocking   7 wait, the oldest for 3 ms; it is owed "
                                       "-2 ms\n"));
    EXPECT_THAT(made.text(), HasSubstr("  blocking   0.500 s/s throttled: kept_thread\n"));
    EXPECT_THAT(made.text(), HasSubstr("  meanwhile  guest was served 0.050 s/s\n"));
    EXPECT_THAT(made.json(), HasSubstr(R"("holds":[{"queue":"blocking","cause":"kept_thread",)"
                                       R"("throttled":true,"s_per_s":0.5}])"));
}

TEST(Explanation, WaitingForRoomIsNotTheTenantsFault) {
    const explanation made = of("busy", "no_capacity");

    EXPECT_EQ(made.verdict, "waits for room in blocking; guest had it");
    EXPECT_DOUBLE_EQ(made.row.holds.throttled, 0);
    EXPECT_EQ(made.row.holds.worst(), nullptr);
    EXPECT_THAT(made.text(), HasSubstr("  blocking   0.500 s/s waiting: no_capacity\n"));
}

TEST(Explanation, WhatHasNotBegunAtAllIsTold) {
    const std::string_view stuck =
        R"({"id":1,"name":"busy","weight":1,"cpu_ns":0,"depth":{"blocking":1},)"
        R"("oldest_ns":{"blocking":4000000000}})";
    const auto made = explain("busy", sample(std::string(stuck), instant(1s)),
                              sample(std::string(stuck), instant(2s)));

    ASSERT_TRUE(made);
    EXPECT_EQ(made->verdict, "waits in blocking, where what is next has not begun for 4 s");
}

TEST(Explanation, TellsWhoWasHeldBackForATenant) {
    const explanation made = of("guest", "kept_thread");

    EXPECT_EQ(made.verdict, "nothing holds it back");
    EXPECT_TRUE(made.advice.empty());
    ASSERT_EQ(made.held_for_it.size(), 1U);
    EXPECT_EQ(made.held_for_it[0].first, "busy");
    EXPECT_DOUBLE_EQ(made.held_for_it[0].second, 0.05);
    EXPECT_FALSE(explain("nobody", {}, {}));
}

TEST(TopView, NamesTheHeaviestInEachDimensionAndWhatThrottlesIt) {
    const top_view view =
        top_view::between("host:1", sample("", instant(1s)),
                          sample(busy(400, 1000, "kept_thread") + "," + guest(100), instant(2s)),
                          top_order::throttled);

    EXPECT_THAT(view.json(), HasSubstr(R"("heaviest":{"cpu":{"tenant":"busy","value":0.4,)"
                                       R"("share":0.8},"depth":{"tenant":"busy","value":7,)"
                                       R"("share":1},"throttled":{"tenant":"busy","value":1,)"
                                       R"("share":1},"blocking":{"tenant":"busy","value":3.2,)"
                                       R"("share":1}})"));
    EXPECT_THAT(view.text(), HasSubstr("1.000  kept_thread>guest\n"));
    EXPECT_THAT(view.text(), HasSubstr("0.000  -\n"));
}

}  // namespace
}  // namespace drama::cli
