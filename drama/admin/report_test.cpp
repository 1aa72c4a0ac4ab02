// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace drama {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

task<void> nothing() {
    co_return;
}

TEST(Report, TellsWhyATenantWaitedAndForWhom) {
    runtime_options options;
    options.workers = 1;
    options.log = [](const std::string&) {};
    runtime rt(options);
    ASSERT_TRUE(rt.start());
    tenant_record& busy = rt.tenants().get_or_create("busy").record();
    const tenant guest = rt.tenants().get_or_create("guest");
    busy.blocking_lanes().holds().add(hold_cause::kept_thread, 3us, 2);
    busy.blocking_lanes().holds().add(hold_cause::no_capacity, 1us, 2);
    busy.blocking_lanes().holds().credit(guest.record().share(), 2us);
    busy.usage.gate_ns.add(500);

    const std::string text = tenants_json(rt);

    EXPECT_THAT(text, HasSubstr(R"("throttled_ns":3500,)"));
    EXPECT_THAT(text, HasSubstr(R"("holds":{"blocking":{"throttled_ns":3000,"item_ns":6000,)"
                                R"("causes":{"kept_thread":3000,"no_capacity":1000},)"
                                R"("beneficiaries":[{"tenant":"guest","ns":2000}]},)"
                                R"("admission":{"throttled_ns":500,"item_ns":0,)"
                                R"("causes":{"admission":500},"beneficiaries":[]}})"));
    EXPECT_THAT(text, HasSubstr(R"("lag_ns":{"async":0,"compute":0,"blocking":0,"disk":0})"));
    EXPECT_THAT(text, HasSubstr(R"("oldest_ns":{"async":0,"compute":0,"blocking":0,"disk":0})"));
    EXPECT_THAT(text, HasSubstr(R"("holds":{})")) << "the others were never held";
    ASSERT_TRUE(rt.stop());
}

TEST(Report, OneTenantHasTheLastDecisionsAboutIt) {
    runtime_options options;
    options.workers = 1;
    options.log = [](const std::string&) {};
    runtime rt(options);
    ASSERT_TRUE(rt.start());
    const tenant closed = rt.tenants().get_or_create("closed");
    closed.set({.limit = {.tasks = 0}});
    EXPECT_THAT(tenant_json(rt, closed, {}), HasSubstr(R"("decisions":[]})")) << "nobody asked yet";

    ASSERT_FALSE(rt.sync_wait(closed, nothing));

    const std::string text = tenant_json(rt, closed, {});
    EXPECT_THAT(text, HasSubstr(R"("name":"closed")"));
    EXPECT_THAT(text, HasSubstr(R"(,"queue":"admission","decision":"gate_refused",)"
                                R"("reason":"tenant_tasks_max","lasted_ns":0,"lag_ns":0,"value":0,)"
                                R"("bound":0}]})"));
    ASSERT_TRUE(rt.stop());
}

TEST(Report, SortsTenantsByWhatTheyDidInTheWindow) {
    runtime_options options;
    options.workers = 1;
    options.log = [](const std::string&) {};
    runtime rt(options);
    const tenant early = rt.tenants().get_or_create("early");
    const tenant late = rt.tenants().get_or_create("late");
    early.record().usage.cpu_ns.add(9'000'000);
    tenant_history history;
    history.sample(rt, instant(1s));
    late.record().usage.cpu_ns.add(2'000);
    early.record().usage.cpu_ns.add(1'000);
    early.record().usage.blocking_ns.add(5'000);
    history.sample(rt, instant(3s));
    const tenant_window window = history.last(1s);

    const std::string by_cpu = tenants_json(rt, {.is_plain = false, .top = 2}, window);
    const std::string by_threads =
        tenants_json(rt, {.is_plain = false, .sort = tenant_order::blocking, .top = 1}, window);

    EXPECT_THAT(by_cpu, HasSubstr(R"({"sort":"cpu","window_ns":2000000000,"tenants":[{"id":4,)"));
    EXPECT_THAT(by_cpu, HasSubstr(R"("window":{"cpu_ns":2000,)"));
    EXPECT_LT(by_cpu.find(R"("name":"late")"), by_cpu.find(R"("name":"early")"));
    EXPECT_THAT(by_threads, HasSubstr(R"({"sort":"blocking",)"));
    EXPECT_THAT(by_threads, HasSubstr(R"("window":{"cpu_ns":1000,)"));
    EXPECT_THAT(by_threads, Not(HasSubstr(R"("name":"late")"))) << "one was asked for";
}

}  // namespace
}  // namespace drama
