// SPDX-License-Identifier: Apache-2.0
// Where a plot puts percentiles, and what it does with names.
#include "load/plot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "span_text.hpp"

namespace drama::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Plot, SharesApproachOneTenForEachNine) {
    const std::vector<double> shares = plot_shares(1000);

    ASSERT_EQ(shares.size(), 31U);  // three nines, and 1
    EXPECT_EQ(shares.front(), 0);
    EXPECT_NEAR(shares[10], 0.9, 1e-12);
    EXPECT_NEAR(shares[20], 0.99, 1e-12);
    EXPECT_NEAR(shares[29], 0.9987, 0.0001);
    EXPECT_EQ(shares.back(), 1);
    EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
    EXPECT_TRUE(plot_shares(0).empty());
    EXPECT_EQ(plot_shares(1), std::vector<double>{1});
}

// 1 us to 100 us over two nines: every decade of latency and every nine is as wide as the other.
TEST(Plot, BothAxesAreLogarithmic) {
    histogram values;
    for (int i = 0; i < 90; ++i) {
        values.record(1000);
    }
    for (int i = 0; i < 9; ++i) {
        values.record(10'000);
    }
    values.record(100'000);
    const plot_line line{"one", &values};

    const std::string svg = plot_svg("title", {&line, 1});

    // The frame is 80..870 wide and 50..460 high.
    EXPECT_THAT(svg, HasSubstr("points='80.0,460.0 "));
    EXPECT_THAT(svg, HasSubstr(" 870.0,50.0 '"));
    EXPECT_THAT(svg, HasSubstr("x='475.0' y='480.0' text-anchor='middle'>90<"));
    EXPECT_THAT(svg, HasSubstr("x='870.0' y='480.0' text-anchor='middle'>99<"));
    EXPECT_THAT(svg, HasSubstr("y='464.0' text-anchor='end'>1 us<"));
    EXPECT_THAT(svg, HasSubstr("y='259.0' text-anchor='end'>10 us<"));
}

TEST(Plot, NamesCannotLeaveTheirText) {
    histogram values;
    values.record(1);
    const plot_line line{"<b>&\xff\n", &values};

    const std::string svg = plot_svg("a<b", {&line, 1});

    EXPECT_THAT(svg, HasSubstr("&lt;b&gt;&amp;?"
                               "?</text>"));
    EXPECT_THAT(svg, HasSubstr("a&lt;b</text>"));
    EXPECT_THAT(svg, Not(HasSubstr("<b>")));
}

TEST(Plot, LinesBeyondTheLimitAreCounted) {
    histogram values;
    values.record(1);
    const std::vector<plot_line> lines(plot_lines_max + 3, plot_line{"x", &values});

    EXPECT_THAT(plot_svg("t", lines), HasSubstr("and 3 more groups"));
    EXPECT_THAT(plot_svg("t", {lines.data(), plot_lines_max}), Not(HasSubstr("more groups")));
}

TEST(Plot, AnEmptyHistogramHasNoPoints) {
    const histogram none;
    const plot_line line{"none", &none};

    EXPECT_THAT(plot_svg("t", {&line, 1}), HasSubstr("points=''/>"));
}

TEST(SpanText, HasTwoDigitsAtLeast) {
    EXPECT_EQ(span_text(0), "0 ns");
    EXPECT_EQ(span_text(850), "850 ns");
    EXPECT_EQ(span_text(999.6), "1.0 us");
    EXPECT_EQ(span_text(1540), "1.5 us");
    EXPECT_EQ(span_text(12'345), "12 us");
    EXPECT_EQ(span_text(3'400'000), "3.4 ms");
    EXPECT_EQ(span_text(1'250'000'000), "1.2 s");
    EXPECT_EQ(span_text(4e12), "4000 s");
}

}  // namespace
}  // namespace drama::cli
