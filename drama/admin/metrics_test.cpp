// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>

#include "drama/admin/metrics_writer.hpp"

namespace drama {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

task<void> nothing() {
    co_return;
}

TEST(Metrics, EscapesAndCutsLabels) {
    EXPECT_EQ(metrics_writer::label("tenant", "a\"b\\c\nd"), "tenant=\"a\\\"b\\\\c\\nd\"");
    const std::string longer = std::string(63, 'x') + "\xC3\xA4";
    EXPECT_EQ(metrics_writer::label("t", longer), "t=\"" + std::string(63, 'x') + "\"")
        << "no half characters";
}

TEST(Metrics, TellsThrottledTimeByResourceAndReason) {
    runtime_options options;
    options.workers = 1;
    options.log = [](const std::string&) {};
    runtime rt(options);
    ASSERT_TRUE(rt.start());
    tenant_record& held = rt.tenants().get_or_create("held").record();
    held.compute_lanes().holds().add(hold_cause::ahead_of_share, 2s, 1);
    held.compute_lanes().holds().add(hold_cause::no_capacity, 8s, 1);
    held.blocking_lanes().holds().add(hold_cause::kept_thread, 3s, 1);

    const std::string text = metrics_text(rt);

    for (const char* const sample :
         {"cpu\",reason=\"ahead_of_share\"} 2\n", "blocking\",reason=\"kept_thread\"} 3\n"}) {
        EXPECT_THAT(text,
                    HasSubstr("drama_throttled_seconds_total{resource=\"" + std::string(sample)));
        EXPECT_THAT(text, HasSubstr("drama_tenant_throttled_seconds_total{tenant=\"held\","
                                    "resource=\"" +
                                    std::string(sample)));
    }
    EXPECT_THAT(text, Not(HasSubstr("no_capacity")));
    ASSERT_TRUE(rt.stop());
}

TEST(Metrics, EveryFamilyStandsTogetherAndHasAType) {
    runtime_options options;
    options.workers = 1;
    options.log = [](const std::string&) {};
    runtime rt(options);
    ASSERT_TRUE(rt.start());
    for (const char* name : {"gold", "blue"}) {
        ASSERT_TRUE(rt.sync_wait(rt.tenants().get_or_create(name), nothing));
    }

    const std::string text = metrics_text(rt);

    std::set<std::string> finished;
    std::string family;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string name;
        words >> name;
        if (name == "#") {
            std::string type;
            words >> type >> name;
            ASSERT_EQ(type, "TYPE") << line;
            finished.insert(family);
            ASSERT_FALSE(finished.contains(name)) << line;
            family = name;
            continue;
        }
        ASSERT_EQ(name.substr(0, name.find('{')), family) << line;
        ASSERT_FALSE(line.substr(line.rfind(' ') + 1).empty()) << line;
    }
    EXPECT_THAT(text, HasSubstr("drama_tenant_tasks_completed_total{tenant=\"gold\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("drama_tenant_queue_depth{tenant=\"gold\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("drama_throttled_seconds_total{resource=\"cpu\",reason=\""
                                "ahead_of_share\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("drama_worker_seconds_total{state=\"park\"} "));
    EXPECT_THAT(text, HasSubstr("drama_tenant_oldest_wait_seconds{tenant=\"gold\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("drama_tenant_fairness_lag_seconds{tenant=\"gold\"} 0\n"));
    EXPECT_THAT(text, Not(HasSubstr("drama_tenant_throttled_seconds_total{")));
    EXPECT_THAT(text, HasSubstr("drama_tasks 0\n"));
    EXPECT_THAT(text, HasSubstr("drama_tenants{state=\"known\"} 5\n"));
    EXPECT_THAT(text, HasSubstr("drama_saturation_ratio{resource=\"cpu\"} "));
    EXPECT_THAT(text, HasSubstr("process_open_fds "));
    ASSERT_TRUE(rt.stop());
}

TEST(Metrics, OperationsOfATenantStandByOpAndOutcome) {
    runtime_options options;
    options.workers = 1;
    options.log = [](const std::string&) {};
    runtime rt(options);
    ASSERT_TRUE(rt.start());
    const tenant gold = rt.tenants().get_or_create("gold");
    gold.record().usage.cpu_ns.add(1);
    gold.record().charge_operation(op_code::recv, 100);
    gold.record().charge_operation(op_code::recv, -1);
    gold.record().charge_operation(op_code::recv_msg, 11);

    const std::string text = metrics_text(rt);

    const std::string labels = "{tenant=\"gold\",op=\"recv\"";
    EXPECT_THAT(text,
                HasSubstr("drama_tenant_io_operations_total" + labels + ",outcome=\"ok\"} 2\n"));
    EXPECT_THAT(text,
                HasSubstr("drama_tenant_io_operations_total" + labels + ",outcome=\"error\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("drama_tenant_io_bytes_total" + labels + "} 111\n"));
    ASSERT_TRUE(rt.stop());
}

TEST(Metrics, OnlyTheTopTenantsHaveSeriesOfTheirOwn) {
    runtime_options options;
    options.workers = 1;
    options.log = [](const std::string&) {};
    runtime rt(options);
    ASSERT_TRUE(rt.start());
    for (int i = 0; i < 10; ++i) {
        const tenant each = rt.tenants().get_or_create("t" + std::to_string(i));
        each.record().usage.cpu_ns.add(static_cast<std::uint64_t>(i + 1) * 1'000'000'000);
    }

    const std::string text = metrics_text(rt, {.top_each = 3, .top_all = 3});

    EXPECT_THAT(text, HasSubstr("drama_tenant_cpu_seconds_total{tenant=\"t9\"} 10\n"));
    EXPECT_THAT(text, HasSubstr("drama_tenant_cpu_seconds_total{tenant=\"t7\"} 8\n"));
    EXPECT_THAT(text, Not(HasSubstr("tenant=\"t6\"")));
    EXPECT_THAT(text, HasSubstr("drama_cpu_seconds_total 55")) << "the total counts them all";
    ASSERT_TRUE(rt.stop());
}

}  // namespace
}  // namespace drama
