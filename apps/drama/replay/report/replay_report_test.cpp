// SPDX-License-Identifier: Apache-2.0
#include "replay/report/replay_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "replay/workload/workload_file.hpp"

namespace drama::cli {
namespace {

using ::testing::HasSubstr;

class ReplayReport : public ::testing::Test {
  protected:
    ReplayReport()
        : what_(*parse_workload(R"(
name = "two"
seconds = 2
starts = 3
[[tenant]]
name = "a,b"
count = 2
[[tenant]]
name = "c"
weight = 2
)",
                                "w.toml", [](workload&) {})) {
        report_.what = &what_;
        for (const char* order : {"drama", "fifo"}) {
            report_.results.push_back(*replay(what_, order));
        }
    }

    workload what_;
    replay_report report_;
};

TEST_F(ReplayReport, TableHasALineForEachOrderAndLineOfTheWorkload) {
    const std::string text = report_.text();

    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2 + 2 * 2);
    EXPECT_THAT(text, HasSubstr("a,b x2"));
    EXPECT_THAT(text, HasSubstr("2 servers of compute"));
}

TEST_F(ReplayReport, CsvHasALineForEachOrderAndTenantAndQuotesNames) {
    const std::string csv = report_.csv();

    EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 2 * 3);
    EXPECT_THAT(csv, HasSubstr("drama,\"a,b-1\",1,0.2"));
    EXPECT_THAT(csv, HasSubstr("drama,c,2,0."));
}

TEST_F(ReplayReport, JsonTellsSharesAndTheFirstStarts) {
    const std::string json = report_.json();

    EXPECT_THAT(json, HasSubstr("\"schema\":\"drama.replay/1\""));
    EXPECT_THAT(json, HasSubstr("\"order\":\"fifo\""));
    EXPECT_THAT(json, HasSubstr("\"starts\":[["));
    EXPECT_EQ(report_.results[0].starts.size(), 3U);
}

TEST_F(ReplayReport, PlotDrawsTheOrdersForTheLineThatIsAsked) {
    EXPECT_THAT(report_.svg("c"), HasSubstr("Wait of c in two"));
    EXPECT_THAT(report_.svg("c"), HasSubstr(">drama</text>"));
    EXPECT_THAT(report_.svg("nobody"), HasSubstr("Wait of a,b in two"));
}

}  // namespace
}  // namespace drama::cli
