// SPDX-License-Identifier: Apache-2.0
// What a scenario file may say, and each way in which it may be wrong.
#include "load/scenario.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drama::cli {
namespace {

using testing::ElementsAre;

void no_flags(load_plan& /*into*/) {
}

scenario_errors errors_of(std::string_view text) {
    const auto parsed = parse_scenario(text, "s.toml", no_flags);
    return parsed ? scenario_errors{} : parsed.error();
}

TEST(Scenario, GroupsBeginWithTheSettingsOfTheFile) {
    const auto parsed = parse_scenario(R"(
        url = "127.0.0.1:9"
        seed = 7
        seconds = 2.5
        header = ["A: 1", "B: 2"]

        [[group]]
        name = "small"
        rate = 200
        arrivals = "fixed"

        [[group]]
        name = "large"
        seconds = 1
        connections = 64
        header = "C: 3"
    )",
                                       "s.toml", no_flags);

    ASSERT_TRUE(parsed) << parsed.error().front();
    EXPECT_EQ(parsed->address(), "127.0.0.1:9");
    EXPECT_EQ(parsed->seed, 7U);
    ASSERT_EQ(parsed->groups.size(), 2U);
    EXPECT_EQ(parsed->groups[0].name, "small");
    EXPECT_EQ(parsed->groups[0].law(), arrival_law::fixed);
    EXPECT_EQ(parsed->groups[0].rate, 200);
    EXPECT_EQ(parsed->groups[0].seconds, 2.5);
    EXPECT_EQ(parsed->groups[1].seconds, 1);
    EXPECT_EQ(parsed->groups[1].connections, 64U);
    EXPECT_THAT(parsed->groups[1].headers, ElementsAre("A: 1", "B: 2", "C: 3"));
}

TEST(Scenario, FlagsWinOverItsSettingsAndItsGroupsOverBoth) {
    const auto parsed = parse_scenario("seconds = 9\ntimeout_ms = 5\n[[group]]\ntimeout_ms = 6\n",
                                       "s.toml", [](load_plan& into) {
                                           into.base.seconds = 1;
                                           into.base.timeout_ms = 4;
                                       });

    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->groups[0].seconds, 1);
    EXPECT_EQ(parsed->groups[0].timeout_ms, 6U);
}

TEST(Scenario, EverySettingIsAKeyThatTakesItsOwnDefault) {
    load_plan defaults;
    auto all = settings_of(defaults);
    for (flag& each : settings_of(defaults.base)) {
        all.push_back(std::move(each));
    }
    for (const flag& each : all) {
        using kind = flag_target::kind;
        if (each.target.is == kind::texts) {
            continue;  // by default there is none
        }
        const bool is_quoted = each.target.is == kind::text || each.target.is == kind::choice;
        const std::string quote = is_quoted ? "\"" : "";
        const std::string line = key_of(each) + " = " + quote + each.target.show() + quote;
        EXPECT_THAT(errors_of(line), ElementsAre()) << line;
    }
}

TEST(Scenario, WhatIsWrongIsToldWithItsPlace) {
    EXPECT_THAT(errors_of("seed = 1\nspeed = 2\n"), ElementsAre("s.toml:2:1: unknown key 'speed'"));
    EXPECT_THAT(errors_of("rate = \"fast\""),
                ElementsAre("s.toml:1:8: rate is a string, not a number"));
    EXPECT_THAT(errors_of("rate = -1"),
                ElementsAre("s.toml:1:8: rate: '-1' is no number from 0 to 1e+07"));
    EXPECT_THAT(errors_of("[[group]]\n  connections = 0\n"),
                ElementsAre("s.toml:2:17: connections: '0' is no number from 1 to 100000"));
    EXPECT_THAT(errors_of("[[group]]\nname = \"a\"\narrivals = \"fixed\"\n"),
                ElementsAre("s.toml:1:1: arrivals: fixed needs a rate"));
    EXPECT_THAT(errors_of("header = [1]"),
                ElementsAre("s.toml:1:11: header is an integer, not a string"));
    EXPECT_THAT(errors_of("[group]\nname = \"a\"\n"),
                ElementsAre("s.toml:1:1: group is a table, not an array"));
    ASSERT_EQ(errors_of("seed = \n").size(), 1U);
    EXPECT_THAT(errors_of("seed = \n").front(), testing::StartsWith("s.toml:1:"));
}

TEST(Scenario, AllErrorsAreToldInOrderUpToALimit) {
    std::string text;
    for (int i = 0; i < 25; ++i) {
        text += "k" + std::to_string(i) + " = 1\n";
    }
    const scenario_errors errors = errors_of(text);

    ASSERT_EQ(errors.size(), scenario_errors_max + 1);
    EXPECT_EQ(errors.front(), "s.toml:1:1: unknown key 'k0'");
    EXPECT_EQ(errors.back(), "s.toml: and 5 more");
}

TEST(Scenario, AGroupWithoutARateMayHaveAShareOfTheTotal) {
    EXPECT_THAT(errors_of("total_rate = 10\n[[group]]\narrivals = \"fixed\"\n"), ElementsAre());
}

TEST(Scenario, TooManyGroupsAreRefused) {
    std::string text;
    for (std::size_t i = 0; i <= load_groups_max; ++i) {
        text += "[[group]]\n";
    }
    EXPECT_THAT(errors_of(text), ElementsAre("s.toml:1:1: group: more than 1000 of them"));
}

}  // namespace
}  // namespace drama::cli
