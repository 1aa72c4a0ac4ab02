// SPDX-License-Identifier: Apache-2.0
// Who pays, by token and by header, and what a new configuration changes.
#include "serve/config/accounts.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "drama/http/request_parser.hpp"

namespace drama::cli {
namespace {

serve_config config_of(const std::string& text) {
    return parse_config(text, "f.toml").value();
}

/// Runtime without its threads: the registry and who decides.
class Accounts : public testing::Test {
  protected:
    /// The name of who pays for a request with these header lines, or "STATUS reason".
    std::string payer(const std::string& lines) {
        const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
        request_parser parser;
        EXPECT_EQ(parser.parse(text).status, parse_status::complete);
        const auto found = who_.resolve(parser.request(), tenants_);
        return found ? found->name()
                     : std::to_string(found.error().status) + " " + found.error().body;
    }
    std::string payer_by_token(const std::string& token) {
        return payer("Authorization: Bearer " + token + "\r\n");
    }
    double weight_of(const std::string& name) {
        return static_cast<double>(tenants_.find(name).record().share().weight()) /
               static_cast<double>(to_fixed(1.0));
    }

    tenant_registry tenants_{1, 4};
    accounts who_{tenants_};
};

TEST_F(Accounts, WithoutTokensTheHeaderSaysWhoPays) {
    ASSERT_TRUE(who_.apply(config_of("[[tenant]]\nname = 'gold'\nweight = 4")));

    EXPECT_FALSE(who_.is_by_token());
    EXPECT_EQ(payer(""), "unidentified");
    EXPECT_EQ(payer("Drama-Tenant: gold\r\n"), "gold");
    EXPECT_EQ(payer("Drama-Tenant: new\r\n"), "new");
    EXPECT_EQ(payer("Drama-Tenant:\r\n"), "400 the tenant's name is empty or too long\n");
    EXPECT_EQ(payer("Drama-Tenant: system\r\n"), "400 the tenant's name is the runtime's own\n");
    EXPECT_EQ(payer("Authorization: Basic YTpi\r\n"), "unidentified");
}

TEST_F(Accounts, WithTokensTheHeaderCountsNoMore) {
    ASSERT_TRUE(
        who_.apply(config_of("[[tenant]]\nname = 'gold'\ntokens = ['g1', 'g2']\n"
                             "[[tenant]]\nname = 'tin'\ntokens = ['t']")));

    EXPECT_TRUE(who_.is_by_token());
    EXPECT_EQ(payer_by_token("g1"), "gold");
    EXPECT_EQ(payer_by_token("g2"), "gold");
    EXPECT_EQ(payer_by_token("t"), "tin");
    EXPECT_EQ(payer("Drama-Tenant: tin\r\nAuthorization: Bearer g1\r\n"), "gold");
    EXPECT_EQ(payer("Drama-Tenant: gold\r\n"), "unidentified");
    EXPECT_EQ(payer("Drama-Tenant: new\r\n"), "unidentified");
    EXPECT_FALSE(tenants_.find("new"));
    EXPECT_EQ(payer(""), "unidentified");
    EXPECT_EQ(payer_by_token("G1"), "unidentified");
    EXPECT_EQ(payer_by_token("nobody-has-this"), "unidentified");
}

TEST_F(Accounts, BadCredentialsAreRefusedWithAReasonAndNoToken) {
    ASSERT_TRUE(who_.apply(config_of("[[tenant]]\nname = 'gold'\ntokens = ['g']")));

    EXPECT_EQ(payer("Authorization: Basic g\r\n"), "401 Authorization: the scheme is not Bearer\n");
    EXPECT_EQ(payer_by_token("sesame!"),
              "400 Authorization: the token has a character that no token has\n");
}

TEST_F(Accounts, A401SaysWhatWouldDo) {
    ASSERT_TRUE(who_.apply(config_of("[[tenant]]\nname = 'gold'\ntokens = ['g']")));
    request_parser parser;
    ASSERT_EQ(
        parser.parse(std::string_view("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\n\r\n"))
            .status,
        parse_status::complete);

    const auto found = who_.resolve(parser.request(), tenants_);

    ASSERT_FALSE(found);
    ASSERT_EQ(found.error().headers.size(), 1U);
    EXPECT_EQ(found.error().headers[0].name, "WWW-Authenticate");
    EXPECT_EQ(found.error().headers[0].value, "Bearer");
}

TEST_F(Accounts, TenantsGetTheOptionsOfTheFile) {
    ASSERT_TRUE(
        who_.apply(config_of("[[tenant]]\nname = 'gold'\nweight = 4\nlatency = 'low'\n"
                             "limits.requests = 7\ntokens = ['g']")));

    const tenant_record& gold = tenants_.find("gold").record();
    EXPECT_EQ(weight_of("gold"), 4.0);
    EXPECT_EQ(gold.share().latency_setting(), latency::low);
    EXPECT_EQ(gold.limits().requests, 7U);
    EXPECT_NEAR(weight_of("unidentified"), unidentified_weight, 0.001);
}

TEST_F(Accounts, ANewConfigurationReplacesTheOld) {
    ASSERT_TRUE(
        who_.apply(config_of("[[tenant]]\nname = 'gold'\nweight = 4\ntokens = ['g']\n"
                             "[[tenant]]\nname = 'tin'\nweight = 2\nlatency = 'high'\n"
                             "limits.tasks = 3\ntokens = ['t']")));
    ASSERT_TRUE(
        who_.apply(config_of("[[tenant]]\nname = 'gold'\nweight = 8\ntokens = ['g2']\n"
                             "[unidentified]\nweight = 0.5")));

    EXPECT_EQ(payer_by_token("g2"), "gold");
    EXPECT_EQ(payer_by_token("g"), "unidentified");
    EXPECT_EQ(payer_by_token("t"), "unidentified");
    EXPECT_EQ(weight_of("gold"), 8.0);
    EXPECT_EQ(weight_of("unidentified"), 0.5);
    const tenant_record& tin = tenants_.find("tin").record();
    EXPECT_EQ(weight_of("tin"), 1.0);
    EXPECT_EQ(tin.share().latency_setting(), latency::normal);
    EXPECT_EQ(tin.limits().tasks, tenant_limits().tasks);
}

TEST_F(Accounts, TheFirstTokensMayComeLater) {
    ASSERT_TRUE(who_.apply(config_of("")));
    EXPECT_EQ(payer("Drama-Tenant: gold\r\n"), "gold");

    ASSERT_TRUE(who_.apply(config_of("[[tenant]]\nname = 'tin'\ntokens = ['t']")));

    EXPECT_EQ(payer("Drama-Tenant: gold\r\n"), "unidentified");
    EXPECT_EQ(payer_by_token("t"), "tin");
}

TEST_F(Accounts, AFileThatLostItsTokensTrustsNobody) {
    ASSERT_TRUE(who_.apply(config_of("[[tenant]]\nname = 'gold'\ntokens = ['g']")));
    ASSERT_TRUE(who_.apply(config_of("")));

    EXPECT_TRUE(who_.is_by_token());
    EXPECT_EQ(payer_by_token("g"), "unidentified");
    EXPECT_EQ(payer("Drama-Tenant: gold\r\n"), "unidentified");
}

TEST_F(Accounts, WhatCannotBeAppliedChangesNothing) {
    ASSERT_TRUE(who_.apply(config_of("[[tenant]]\nname = 'gold'\nweight = 4\ntokens = ['g']")));

    const auto applied = who_.apply(
        config_of("[unidentified]\nweight = 3\n"
                  "[[tenant]]\nname = 'gold'\nweight = 2\ntokens = ['other']\n"
                  "[[tenant]]\nname = 'b'\n[[tenant]]\nname = 'c'\n[[tenant]]\nname = 'd'\n"
                  "[[tenant]]\nname = 'one-too-many'"));

    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error(), errc::tenant_limit);
    EXPECT_EQ(payer_by_token("g"), "gold");
    EXPECT_EQ(payer_by_token("other"), "unidentified");
    EXPECT_EQ(weight_of("gold"), 4.0);
    EXPECT_NEAR(weight_of("unidentified"), unidentified_weight, 0.001);
}

// A request meets one configuration or the next: never none, never a mixture.
TEST_F(Accounts, RequestsDuringAChangeSeeOneOrTheOther) {
    const serve_config first =
        config_of("[[tenant]]\nname = 'a'\ntokens = ['t', 'kept']\n[[tenant]]\nname = 'b'");
    const serve_config second = config_of(
        "[[tenant]]\nname = 'b'\ntokens = ['t']\n[[tenant]]\nname = 'a'\ntokens = ['kept']");
    ASSERT_TRUE(who_.apply(first));
    std::atomic<bool> ends{false};
    std::atomic<int> wrong{0};
    std::atomic<int> asked{0};
    std::vector<std::thread> clients;

    for (int i = 0; i < 3; ++i) {
        clients.emplace_back([&] {
            while (!ends.load()) {
                const std::string seen = payer_by_token("t");
                wrong += (seen != "a" && seen != "b") ? 1 : 0;
                wrong += payer_by_token("kept") != "a" ? 1 : 0;
                ++asked;
            }
        });
    }
    for (int i = 0; asked.load() < 3000; ++i) {
        EXPECT_TRUE(who_.apply(i % 2 == 0 ? second : first));
    }
    ends.store(true);
    for (std::thread& each : clients) {
        each.join();
    }

    EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace drama::cli
