// SPDX-License-Identifier: Apache-2.0
#include "serve/config/token_digest.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "drama/tenant/tenant_registry.hpp"

namespace drama::cli {
namespace {

token_table::entry entry_of(const std::string& token, tenant owner) {
    return {*sha256_of(token), owner};
}

TEST(TokenDigest, IsSha256) {
    EXPECT_EQ(*sha256_of("abc"),
              *parse_sha256("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    EXPECT_NE(*sha256_of(""), *sha256_of("abc"));
}

TEST(TokenDigest, HexIsSixtyFourDigits) {
    const std::string hex(64, '0');

    EXPECT_TRUE(parse_sha256(hex));
    EXPECT_FALSE(parse_sha256(hex + "0"));
    EXPECT_FALSE(parse_sha256(hex.substr(1)));
    EXPECT_FALSE(parse_sha256(hex.substr(1) + "g"));
    EXPECT_FALSE(parse_sha256("@" + hex.substr(1)));
    EXPECT_FALSE(parse_sha256(""));
}

TEST(TokenTable, FindsEachTokensOwnerAndNobodyElse) {
    tenant_registry tenants(1, 100);
    std::vector<token_table::entry> entries;
    for (int i = 0; i < 100; ++i) {
        const std::string name = "t" + std::to_string(i);
        entries.push_back(entry_of("secret-" + name, *tenants.find_or_create(name)));
    }

    const auto table = token_table::make(entries);

    ASSERT_TRUE(table);
    for (int i = 0; i < 100; ++i) {
        const std::string name = "t" + std::to_string(i);
        EXPECT_EQ(table->find("secret-" + name)->name(), name);
        EXPECT_FALSE(*table->find("secret-" + name + "x"));
        EXPECT_FALSE(*table->find(name));
    }
    EXPECT_FALSE(*table->find(""));
}

TEST(TokenTable, OneTenantMayHaveManyTokens) {
    tenant_registry tenants(1, 100);
    const tenant gold = *tenants.find_or_create("gold");

    const auto table = token_table::make(std::vector{entry_of("a", gold), entry_of("b", gold)});

    ASSERT_TRUE(table);
    EXPECT_EQ(*table->find("a"), gold);
    EXPECT_EQ(*table->find("b"), gold);
}

TEST(TokenTable, AnEmptyOneKnowsNobody) {
    const auto table = token_table::make({});

    ASSERT_TRUE(table);
    EXPECT_TRUE(table->is_empty());
    EXPECT_FALSE(*table->find("a"));
}

}  // namespace
}  // namespace drama::cli
