// SPDX-License-Identifier: Apache-2.0
#include "drama/sim/report/failure_report.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "drama/sim/report/run_trace.hpp"

namespace drama {
namespace {

failure_report example() {
    failure_report made;
    made.test = "Transfer.Keeps";
    made.token = "v1:1:walk:abcdef01";
    made.command = "DRAMA_SEED=v1:1:walk:abcdef01 ./bank";
    made.word = "deadlock";
    made.what = "2 tasks wait";
    made.step = 812;
    made.strategy = "walk";
    made.waits = {"task 1 awaits lock", "task 2 awaits \"lock\""};
    for (int i = 0; i != 20; ++i) {
        made.schedule.push_back("choose, number " + std::to_string(i) + ": thread 2");
    }
    return made;
}

TEST(FailureReport, IsReplayedFromItsFirstLine) {
    const std::string text = example().text();
    EXPECT_EQ(text.substr(0, text.find('\n')),
              "FAIL Transfer.Keeps  deadlock  replay: DRAMA_SEED=v1:1:walk:abcdef01 ./bank");
    EXPECT_NE(text.find("waits   task 1 awaits lock\n        task 2"), std::string::npos) << text;
    EXPECT_NE(text.find("and 8 more"), std::string::npos) << "a long schedule is cut";
}

TEST(FailureReport, IsJsonForMachines) {
    const std::string json = example().json();
    EXPECT_NE(json.find("\"verdict\":\"deadlock\""), std::string::npos);
    EXPECT_NE(json.find("\"task 2 awaits \\\"lock\\\"\""), std::string::npos) << json;
    EXPECT_EQ(json_text("a\tb\nc\\"), "\"a\\u0009b\\nc\\\\\"");
}

TEST(FailureReport, LeavesItsFiles) {
    const auto folder = std::filesystem::path(testing::TempDir()) / "drama-report-test";
    run_trace trace;
    trace.add({.step = 3, .at_ns = 1'000, .what = sim_event::submit, .thread = 2}, nullptr);
    trace.add({.step = 4, .at_ns = 2'000, .what = sim_event::fault, .thread = 5}, nullptr);

    ASSERT_TRUE(write_report(example(), timeline_html(trace, "a <b>"), folder.string()));

    std::ifstream page(folder / "timeline.html");
    const std::string text((std::istreambuf_iterator<char>(page)), {});
    EXPECT_NE(text.find("worker 2"), std::string::npos) << text;
    EXPECT_NE(text.find("worker 5"), std::string::npos);
    EXPECT_NE(text.find("a &lt;b&gt;"), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(folder / "report.json"));
    EXPECT_TRUE(std::filesystem::exists(folder / "report.txt"));
    std::filesystem::remove_all(folder);
}

TEST(FailureReport, SaysWhereItCannotWrite) {
    EXPECT_FALSE(write_report(example(), "", "/proc/nowhere"));
}

TEST(RunTrace, KeepsTheLastAndCountsTheRest) {
    run_trace trace;
    for (std::size_t i = 0; i != run_trace::records_max + 3; ++i) {
        trace.add({.step = i}, nullptr);
    }
    EXPECT_EQ(trace.records().size(), run_trace::records_max);
    EXPECT_EQ(trace.dropped(), 3U);
    const std::string lines = last_lines(trace, 2, ~std::uint64_t{0});
    EXPECT_EQ(std::ranges::count(lines, '\n'), 2);
    EXPECT_NE(lines.find(std::to_string(run_trace::records_max + 2)), std::string::npos);
    EXPECT_EQ(last_lines(trace, 1, 7).substr(0, 5), "  7  ") << "what comes later is left out";
}

}  // namespace
}  // namespace drama
