// SPDX-License-Identifier: Apache-2.0
#include "drama/http/query.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drama {
namespace {

TEST(Query, FindsTheFirstValueOfAKey) {
    struct {
        std::string_view target, key;
        std::optional<std::string_view> value;
    } const cases[] = {
        {"/a", "x", std::nullopt},
        {"/a?", "x", std::nullopt},
        {"/a?", "", std::nullopt},
        {"/a?x", "x", ""},
        {"/a?x=", "x", ""},
        {"/a?x=1", "x", "1"},
        {"/a?xx=1&x=2&x=3", "x", "2"},
        {"/a?y=x&x=a=b", "x", "a=b"},
        {"/a?&&x=1", "x", "1"},
        {"/a?x=1&", "y", std::nullopt},
        {"/a?X=1", "x", std::nullopt},
        {"/a?x=%20?", "x", "%20?"},
        {"http://h?x=1", "x", "1"},
        {"/x=1", "x", std::nullopt},
    };
    for (const auto& [target, key, value] : cases) {
        EXPECT_EQ(query_value(target, key), value) << target;
    }
}

TEST(Query, PathEndsAtTheQuestionMark) {
    EXPECT_EQ(target_path("/a/b?c?d"), "/a/b");
    EXPECT_EQ(target_path("/a"), "/a");
}

TEST(Query, ReadsNumbersInTheirRange) {
    EXPECT_EQ(query_number("/?n=5", "n", {.min = 5, .max = 5}), 5u);
    EXPECT_EQ(query_number("/?n=18446744073709551615", "n"), UINT64_MAX);
    EXPECT_EQ(query_number("/?n=007", "n"), 7u);
    EXPECT_EQ(query_number_or("/", "n", 9, {.max = 5}), 9u);
    EXPECT_EQ(query_number_or("/?n=3", "n", 9), 3u);
}

TEST(Query, SaysWhatIsWrongWithANumber) {
    struct {
        std::string_view target;
        query_errc error;
        std::string_view reason;
    } const cases[] = {
        {"/", query_errc::missing, "the value is missing"},
        {"/?n=", query_errc::not_a_number, "not a decimal number"},
        {"/?n=+5", query_errc::not_a_number, "not a decimal number"},
        {"/?n=-5", query_errc::not_a_number, "not a decimal number"},
        {"/?n=5x", query_errc::not_a_number, "not a decimal number"},
        {"/?n=0x5", query_errc::not_a_number, "not a decimal number"},
        {"/?n=%35", query_errc::not_a_number, "not a decimal number"},
        {"/?n=4", query_errc::too_small, "the number is too small"},
        {"/?n=11", query_errc::too_large, "the number is too large"},
        {"/?n=18446744073709551616", query_errc::too_large, "the number is too large"},
    };
    for (const auto& [target, error, reason] : cases) {
        const auto got = query_number(target, "n", {.min = 5, .max = 10});
        ASSERT_FALSE(got.has_value()) << target;
        EXPECT_EQ(got.error(), error) << target;
        EXPECT_EQ(got.error().message(), reason);
        EXPECT_TRUE(got.error() == std::errc::invalid_argument ||
                    got.error() == std::errc::result_out_of_range);
    }
    EXPECT_EQ(query_number_or("/?n=x", "n", 1).error(), query_errc::not_a_number);
}

TEST(Query, DecodesEscapes) {
    std::array<char, 32> out;
    EXPECT_EQ(percent_decode("/a%20b%2Fc%c3%A4+", out), "/a b/c\xc3\xa4+");
    EXPECT_EQ(percent_decode("a+b", out, plus_sign::blank), "a b");
    EXPECT_EQ(percent_decode("", out), "");
    // Decoded once only.
    EXPECT_EQ(percent_decode("%2541", out), "%41");
}

TEST(Query, RefusesBadEscapesAndSmallBuffers) {
    std::array<char, 4> out;
    for (const std::string_view text : {"%", "%4", "a%", "%zz", "%4g", "%-1", "%00", "a%00b"}) {
        EXPECT_EQ(percent_decode(text, out).error(), query_errc::bad_escape) << text;
    }
    EXPECT_EQ(percent_decode("abcde", out).error(), std::errc::no_buffer_space);
    EXPECT_EQ(percent_decode("%41%42%43%44", out), "ABCD");
}

}  // namespace
}  // namespace drama
