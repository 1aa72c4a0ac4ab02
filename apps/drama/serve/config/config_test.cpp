// SPDX-License-Identifier: Apache-2.0
// What a configuration file may say, and each way in which it may be wrong.
#include "serve/config/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

namespace drama::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::expected<serve_config, config_errors> parse(std::string_view text) {
    return parse_config(text, "f.toml");
}

config_errors errors_of(std::string_view text) {
    const auto parsed = parse(text);
    return parsed ? config_errors{} : parsed.error();
}

TEST(Config, AnEmptyFileSaysNothing) {
    const auto parsed = parse("");

    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->options.listen, serve_options().listen);
    EXPECT_EQ(parsed->tokens(), 0U);
    EXPECT_EQ(parsed->unidentified.weight, 1.0);
}

TEST(Config, EverySettingOfTheCommandLineIsAKey) {
    const auto parsed = parse(R"(
        listen = "127.0.0.1:1"
        admin = "off"
        data = "/var/lib/drama"
        workers = 3
        policy = "fifo"
        class_order = "off"
        io = "epoll"
        blocking_max = 7
        tasks_max = 8
        header_deadline_ms = 9
        idle_deadline_ms = 10
        drain_delay_ms = 11
        drain_ms = 12
        hand_over = false
        permit_check = false
        hold_burning_calls = true
        sql_open = 13
    )");

    ASSERT_TRUE(parsed) << parsed.error().front();
    const serve_options& got = parsed->options;
    EXPECT_EQ(got.class_order, "off");
    EXPECT_EQ(got.listen, "127.0.0.1:1");
    EXPECT_EQ(got.admin, "off");
    EXPECT_EQ(got.data, "/var/lib/drama");
    EXPECT_EQ(got.workers, 3U);
    EXPECT_EQ(got.order, "fifo");
    EXPECT_EQ(got.io, "epoll");
    EXPECT_EQ(got.blocking_max, 7U);
    EXPECT_EQ(got.tasks_max, 8U);
    EXPECT_EQ(got.header_deadline_ms, 9U);
    EXPECT_EQ(got.idle_deadline_ms, 10U);
    EXPECT_EQ(got.drain_delay_ms, 11U);
    EXPECT_EQ(got.drain_ms, 12U);
    EXPECT_FALSE(got.hand_over);
    EXPECT_FALSE(got.check_permits);
    EXPECT_TRUE(got.hold_burning_calls);
    EXPECT_EQ(got.sql_open, 13U);
}

// A flag that somebody adds without thinking of files is a key all the same.
TEST(Config, EveryFlagIsAKeyThatTakesItsOwnDefault) {
    serve_options defaults;
    for (const flag& each : settings_of(defaults)) {
        const bool is_quoted = each.target.is == flag_target::kind::text ||
                               each.target.is == flag_target::kind::choice;
        const std::string value = each.target.show();

        const auto parsed =
            parse(key_of(each) + " = " + (is_quoted ? "'" + value + "'" : value) + "\n");

        EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().front());
    }
}

TEST(Config, AFlagThatClearsIsAKeyWithoutNo) {
    EXPECT_TRUE(parse("hand_over = true")->options.hand_over);
    EXPECT_FALSE(parse("hand_over = false")->options.hand_over);
    EXPECT_THAT(errors_of("no_hand_over = true"),
                ElementsAre("f.toml:1:1: unknown key 'no_hand_over'"));
}

TEST(Config, ATokenAndItsDigestAreTheSameToken) {
    EXPECT_THAT(errors_of("[[tenant]]\nname = 'a'\ntokens = ['abc']\ntoken_sha256 = "
                          "['BA7816BF8F01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad']"),
                ElementsAre("f.toml:4:17: this token stands at line 3 already"));
}

TEST(Config, ATenantHasWeightLatencyLimitsAndTokens) {
    const auto parsed = parse(R"(
        [[tenant]]
        name = "gold"
        weight = 4
        latency = "low"
        tokens = ["abc", "d.e-f_g~h+i/j=="]
        [tenant.limits]
        tasks = 1
        requests = 2
        blocking_queue = 3
        queue_delay_ms = 4
        [[tenant]]
        name = "plain"
        weight = 0.5
    )");

    ASSERT_TRUE(parsed) << parsed.error().front();
    ASSERT_EQ(parsed->tenants.size(), 2U);
    const tenant_config& gold = parsed->tenants[0];
    EXPECT_EQ(gold.name, "gold");
    EXPECT_EQ(gold.options.weight, 4.0);
    EXPECT_EQ(gold.options.latency, latency::low);
    EXPECT_EQ(gold.options.limit.tasks, 1U);
    EXPECT_EQ(gold.options.limit.requests, 2U);
    EXPECT_EQ(gold.options.limit.blocking_queue, 3U);
    EXPECT_EQ(gold.options.limit.queue_delay, std::chrono::milliseconds(4));
    EXPECT_EQ(gold.tokens, (std::vector{*sha256_of("abc"), *sha256_of("d.e-f_g~h+i/j==")}));
    EXPECT_EQ(parsed->tenants[1].options.weight, 0.5);
    EXPECT_EQ(parsed->tenants[1].options.limit.requests, tenant_limits().requests);
}

TEST(Config, WithTokensWhoeverShowsNoneWeighsLittle) {
    const std::string tenant = "[[tenant]]\nname = 'a'\ntokens = ['t']\n";

    EXPECT_EQ(parse(tenant)->unidentified.weight, unidentified_weight);
    EXPECT_EQ(parse(tenant + "[unidentified]\nweight = 0.25")->unidentified.weight, 0.25);
    EXPECT_EQ(parse("[unidentified]\nlatency = 'high'")->unidentified.latency, latency::high);
    EXPECT_EQ(parse("[unidentified]\nlimits.requests = 5")->unidentified.limit.requests, 5U);
}

struct fault {
    const char* text;
    const char* message;
};

class ConfigFaults : public testing::TestWithParam<fault> {};

TEST_P(ConfigFaults, AreToldWithTheirPlace) {
    EXPECT_THAT(errors_of(GetParam().text), ElementsAre(GetParam().message)) << GetParam().text;
}

const char* const token_rule =
    "f.toml:3:11: tokens: a token is 1 to 1024 of A-Z a-z 0-9 - . _ ~ + / and then any number of =";

INSTANTIATE_TEST_SUITE_P(
    Settings, ConfigFaults,
    testing::Values(
        fault{"\n  lisen = 'x:1'", "f.toml:2:3: unknown key 'lisen'"},
        fault{"config = 'other.toml'", "f.toml:1:1: unknown key 'config'"},
        fault{"check_config = 'other.toml'", "f.toml:1:1: unknown key 'check_config'"},
        fault{"workers = '4'", "f.toml:1:11: workers is a string, not an integer"},
        fault{"workers = 4.0", "f.toml:1:11: workers is a float, not an integer"},
        fault{"workers = [4]", "f.toml:1:11: workers is an array, not an integer"},
        fault{"workers = -1", "f.toml:1:11: workers: '-1' is no number from 0 to 1024"},
        fault{"workers = 1025", "f.toml:1:11: workers: '1025' is no number from 0 to 1024"},
        fault{"listen = 8080", "f.toml:1:10: listen is an integer, not a string"},
        fault{"listen = 'nowhere'", "f.toml:1:10: listen: 'nowhere' is no HOST:PORT"},
        fault{"listen = 'off'", "f.toml:1:10: listen: 'off' is no HOST:PORT"},
        fault{"admin = 'on'", "f.toml:1:9: admin: 'on' is no HOST:PORT"},
        fault{"policy = 'random'", "f.toml:1:10: policy: 'random' is none of fair fifo"},
        fault{"io = true", "f.toml:1:6: io is a boolean, not a string"},
        fault{"hand_over = 'no'", "f.toml:1:13: hand_over is a string, not true or false"},
        fault{"hand_over = 0", "f.toml:1:13: hand_over is an integer, not true or false"},
        fault{"drain_ms = 2020-01-01", "f.toml:1:12: drain_ms is a date or time, not an integer"},
        fault{"tenant = 5", "f.toml:1:10: tenant is an integer, not an array"},
        fault{"tenant = [5]", "f.toml:1:11: tenant is an integer, not a table"},
        fault{"[tenant]\nname = 'a'", "f.toml:1:1: tenant is a table, not an array"},
        fault{"unidentified = 'x'", "f.toml:1:16: unidentified is a string, not a table"},
        fault{"[unidentified]\nname = 'x'", "f.toml:2:1: unknown key 'name'"},
        fault{"[unidentified]\ntokens = ['x']", "f.toml:2:1: unknown key 'tokens'"}));

INSTANTIATE_TEST_SUITE_P(
    Tenants, ConfigFaults,
    testing::Values(
        fault{"[[tenant]]\nweight = 1", "f.toml:1:1: this tenant has no name"},
        fault{"[[tenant]]\nname = 5", "f.toml:2:8: name is an integer, not a string"},
        fault{"[[tenant]]\nname = ''", "f.toml:2:8: name: has 0 bytes, not 1 to 255"},
        fault{"[[tenant]]\nname = 'system'", "f.toml:2:8: name: 'system' is the server's own"},
        fault{"[[tenant]]\nname = 'shared'", "f.toml:2:8: name: 'shared' is the server's own"},
        fault{"[[tenant]]\nname = 'unidentified'",
              "f.toml:2:8: name: 'unidentified' has a table of its own, [unidentified]"},
        fault{"[[tenant]]\nname = 'a'\n[[tenant]]\nname = 'a'",
              "f.toml:4:8: name: tenant 'a' stands at line 2 already"},
        fault{"[[tenant]]\nname = 'a'\nwieght = 2", "f.toml:3:1: unknown key 'wieght'"},
        fault{"[[tenant]]\nname = 'a'\nweight = '2'",
              "f.toml:3:10: weight is a string, not a number"},
        fault{"[[tenant]]\nname = 'a'\nweight = 0",
              "f.toml:3:10: weight: 0 is not from 0.000976562 to 4e+06"},
        fault{"[[tenant]]\nname = 'a'\nweight = -1.5",
              "f.toml:3:10: weight: -1.5 is not from 0.000976562 to 4e+06"},
        fault{"[[tenant]]\nname = 'a'\nweight = 5000000",
              "f.toml:3:10: weight: 5e+06 is not from 0.000976562 to 4e+06"},
        fault{"[[tenant]]\nname = 'a'\nweight = nan",
              "f.toml:3:10: weight: nan is not from 0.000976562 to 4e+06"},
        fault{"[[tenant]]\nname = 'a'\nlatency = 'best'",
              "f.toml:3:11: latency: 'best' is none of low normal high"},
        fault{"[[tenant]]\nname = 'a'\nlatency = 1",
              "f.toml:3:11: latency is an integer, not a string"},
        fault{"[[tenant]]\nname = 'a'\nlimits = 3",
              "f.toml:3:10: limits is an integer, not a table"},
        fault{"[[tenant]]\nname = 'a'\nlimits.request = 3", "f.toml:3:8: unknown key 'request'"},
        fault{"[[tenant]]\nname = 'a'\nlimits.requests = 0",
              "f.toml:3:19: requests: 0 is not from 1 to 1000000000"},
        fault{"[[tenant]]\nname = 'a'\nlimits.tasks = 1000000001",
              "f.toml:3:16: tasks: 1000000001 is not from 1 to 1000000000"},
        fault{"[[tenant]]\nname = 'a'\nlimits.queue_delay_ms = 3600001",
              "f.toml:3:25: queue_delay_ms: 3600001 is not from 1 to 3600000"},
        fault{"[[tenant]]\nname = 'a'\nlimits.blocking_queue = 1.5",
              "f.toml:3:25: blocking_queue is a float, not an integer"}));

INSTANTIATE_TEST_SUITE_P(
    Tokens, ConfigFaults,
    testing::Values(
        fault{"[[tenant]]\nname = 'a'\ntokens = 'x'",
              "f.toml:3:10: tokens is a string, not an array"},
        fault{"[[tenant]]\nname = 'a'\ntokens = [5]",
              "f.toml:3:11: tokens is an integer, not a string"},
        fault{"[[tenant]]\nname = 'a'\ntokens = ['']", token_rule},
        fault{"[[tenant]]\nname = 'a'\ntokens = ['two words']", token_rule},
        fault{"[[tenant]]\nname = 'a'\ntokens = ['==']", token_rule},
        fault{"[[tenant]]\nname = 'a'\ntokens = ['x', 'y', 'x']",
              "f.toml:3:21: this token stands at line 3 already"},
        fault{"[[tenant]]\nname = 'a'\ntokens = ['x']\n[[tenant]]\nname = 'b'\ntokens = ['x']",
              "f.toml:6:11: this token stands at line 3 already"},
        fault{"[[tenant]]\nname = 'a'\ntoken_sha256 = ['abc']",
              "f.toml:3:17: token_sha256: this is not 64 hex digits"},
        fault{"[[tenant]]\nname = 'a'\ntoken_sha256 = 'abc'",
              "f.toml:3:16: token_sha256 is a string, not an array"}));

TEST(Config, SyntaxErrorsHaveTheirPlace) {
    for (const char* text : {"\nlisten = ", "\nlisten = 'a", "\n= 5", "\n[[tenant]", "\na b = 1"}) {
        const config_errors errors = errors_of(text);

        ASSERT_EQ(errors.size(), 1U) << text;
        EXPECT_THAT(errors.front(), testing::StartsWith("f.toml:2:")) << text;
    }
    EXPECT_THAT(errors_of("workers = 1\nworkers = 2").front(), testing::StartsWith("f.toml:2:"));
    EXPECT_FALSE(parse("listen = \"\xff\xfe\""));
}

TEST(Config, AllFaultsAreToldInTheOrderOfTheFile) {
    EXPECT_THAT(errors_of("[[tenant]]\nweight = 0\nzzz = 1\n[unidentified]\naaa = 2"),
                ElementsAre("f.toml:1:1: this tenant has no name",
                            "f.toml:2:10: weight: 0 is not from 0.000976562 to 4e+06",
                            "f.toml:3:1: unknown key 'zzz'", "f.toml:5:1: unknown key 'aaa'"));
}

TEST(Config, OfManyFaultsTwentyAreTold) {
    std::string text;
    for (int i = 0; i < 23; ++i) {
        text += "key" + std::to_string(i) + " = 1\n";
    }

    const config_errors errors = errors_of(text);

    ASSERT_EQ(errors.size(), config_errors_max + 1);
    EXPECT_EQ(errors.front(), "f.toml:1:1: unknown key 'key0'");
    EXPECT_EQ(errors.back(), "f.toml: and 3 more");
}

TEST(Config, NoMessageShowsAToken) {
    const auto errors = errors_of(
        "[[tenant]]\nname = 'a'\ntokens = ['sesame!', 'open', 'open']\ntoken_sha256 = ['sesame']");

    ASSERT_EQ(errors.size(), 3U);
    for (const std::string& each : errors) {
        EXPECT_THAT(each, testing::Not(testing::AnyOf(HasSubstr("sesame"), HasSubstr("'open'"))));
    }
}

TEST(Config, AFileThatCannotBeReadIsNamed) {
    const auto missing = read_config("/nonexistent/drama.toml");
    const auto folder = read_config("/");

    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error(), ElementsAre("/nonexistent/drama.toml: No such file or directory"));
    ASSERT_FALSE(folder);
    EXPECT_THAT(folder.error(), ElementsAre("/: Is a directory"));
}

TEST(Config, FlagsWinOverTheFile) {
    const std::string file = testing::TempDir() + "drama_flags_win.toml";
    std::FILE* const out = std::fopen(file.c_str(), "we");
    ASSERT_NE(out, nullptr);
    std::fputs("workers = 3\ndrain_ms = 7\nhand_over = true\n", out);
    std::fclose(out);
    std::vector<std::string> words{"--workers", "5", "--config", file, "--no-hand-over"};
    std::vector<char*> arguments;
    for (std::string& each : words) {
        arguments.push_back(each.data());
    }

    const auto read = read_settings(arguments);

    std::remove(file.c_str());
    ASSERT_TRUE(read) << read.error().front();
    EXPECT_EQ(read->options.workers, 5U);
    EXPECT_EQ(read->options.drain_ms, 7U);
    EXPECT_FALSE(read->options.hand_over);
}

}  // namespace
}  // namespace drama::cli
