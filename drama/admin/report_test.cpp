// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace drama {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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

}  // namespace
}  // namespace drama
