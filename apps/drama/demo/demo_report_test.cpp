// SPDX-License-Identifier: Apache-2.0
#include "demo_report.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace drama::cli {
namespace {

demo_row row_of(std::uint64_t alone_ns, std::uint64_t victim_ns) {
    demo_row row;
    row.system = "drama";
    row.scenario = "flood";
    row.policy = "fair";
    row.backend = "epoll";
    row.neighbour_alone_per_s = 50;
    row.neighbour_together_per_s = 40;
    if (alone_ns != 0) {
        row.alone.samples_ns.record(alone_ns);
    }
    if (victim_ns != 0) {
        row.victim.samples_ns.record(victim_ns);
    }
    return row;
}

TEST(DemoReport, ShowsWhatWasMeasured) {
    const std::vector<demo_row> rows{row_of(1'000'000, 2'000'000)};

    EXPECT_NEAR(rows[0].p99_ratio(), 2, 0.1);
    EXPECT_NE(table_of(rows).find("40 of 50"), std::string::npos);
    EXPECT_EQ(json_of(rows[0]).find("null,\"samples"), std::string::npos);
    EXPECT_EQ(meaning_of(rows).find("not measured"), std::string::npos);
}

TEST(DemoReport, SaysSoWhereNoSegmentCounted) {
    const std::vector<demo_row> rows{row_of(1'000'000, 0), row_of(0, 2'000'000)};

    const std::string table = table_of(rows);

    EXPECT_EQ(table.find("0 ns"), std::string::npos) << table;
    EXPECT_NE(table.find("- of 50"), std::string::npos) << table;
    EXPECT_NE(table.find("40 of -"), std::string::npos) << table;
    EXPECT_NE(meaning_of(rows).find("takes a time not measured"), std::string::npos)
        << meaning_of(rows);
    for (const demo_row& row : rows) {
        EXPECT_NE(json_of(row).find("\"p99_ratio\":null"), std::string::npos) << json_of(row);
        EXPECT_NE(json_of(row).find("\"p99_us\":null"), std::string::npos) << json_of(row);
    }
}

}  // namespace
}  // namespace drama::cli
