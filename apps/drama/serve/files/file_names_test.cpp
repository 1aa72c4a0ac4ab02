// SPDX-License-Identifier: Apache-2.0
#include "serve/files/file_names.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace drama::cli {
namespace {

std::string decoded(std::string_view encoded) {
    return file_name_of(encoded).value_or("refused");
}

TEST(FileNames, AreDecodedOnce) {
    EXPECT_EQ(decoded("plain.txt"), "plain.txt");
    EXPECT_EQ(decoded("a%20b+c"), "a b+c");
    EXPECT_EQ(decoded("%2525"), "%25");
    EXPECT_EQ(decoded("%C3%A4"), "\xC3\xA4");
    EXPECT_EQ(decoded("%ff"), "\xFF");
    EXPECT_EQ(decoded("..."), "...");
    EXPECT_EQ(decoded(".drama"), ".drama");
    EXPECT_EQ(decoded(std::string(200, 'n')), std::string(200, 'n'));
}

TEST(FileNames, ThatCouldMeanSomethingElseAreRefused) {
    for (const std::string_view bad :
         {"", ".", "..", "%2e", "%2E.", "a/b", "a%2fb", "%2F", "a%00", "%", "%4", "%zz", "%0a",
          "%7f", "%1F", ".drama-put-", ".drama-put-1-2", "%2edrama-put-1"}) {
        EXPECT_FALSE(file_name_of(bad)) << bad;
    }
    EXPECT_FALSE(file_name_of(std::string(201, 'n')));
    EXPECT_EQ(file_name_of("a/b").error().find('\n'), std::string_view::npos);
}

TEST(FolderNames, KeepTenantsApartAndInside) {
    std::set<std::string> tenants;
    std::set<std::string> seen;
    const auto add = [&](const std::string& tenant) {
        if (!tenants.insert(tenant).second) {
            return;
        }
        const std::string folder = folder_name_of(tenant);
        EXPECT_TRUE(seen.insert(folder).second) << tenant << " -> " << folder;
        EXPECT_LE(folder.size(), 255U);
        EXPECT_TRUE(std::ranges::all_of(folder, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                   c == '%';
        })) << folder;
    };
    for (int one = 0; one < 256; ++one) {
        add(std::string(1, static_cast<char>(one)));
        add(std::string(255, static_cast<char>(one)));
        add("%" + std::string(1, static_cast<char>(one)));
        for (const char other : {'a', 'A', '.', '/', '%', '2'}) {
            add({static_cast<char>(one), other});
        }
    }
    for (const std::size_t size : {66U, 67U, 199U, 200U, 201U, 254U}) {
        add(std::string(size, 'x'));
        add(std::string(size, '/'));
    }
    add("d-" + std::string(64, '0'));
    add("..");
    add("../..");
}

TEST(FolderNames, OfLongTenantsDifferWhereverTheTenantsDo) {
    std::string tenant(255, 'Z');
    std::set<std::string> seen{folder_name_of(tenant)};
    for (int i = 0; i < 255; ++i) {
        std::string other = tenant;
        other[static_cast<std::size_t>(i)] = 'Y';
        EXPECT_TRUE(seen.insert(folder_name_of(other)).second);
    }
}

}  // namespace
}  // namespace drama::cli
