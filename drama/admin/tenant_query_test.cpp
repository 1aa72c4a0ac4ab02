// SPDX-License-Identifier: Apache-2.0
#include "drama/admin/tenant_query.hpp"

#include <gtest/gtest.h>

namespace drama {
namespace {

TEST(TenantQuery, WithoutOptionsIsPlain) {
    EXPECT_TRUE(read_tenant_query("")->is_plain);
    EXPECT_TRUE(read_tenant_query("&&")->is_plain);
}

TEST(TenantQuery, TakesOrderWindowAndCount) {
    const auto read = read_tenant_query("top=3&sort=throttled&&window=60");

    ASSERT_TRUE(read) << read.error();
    EXPECT_FALSE(read->is_plain);
    EXPECT_EQ(read->sort, tenant_order::throttled);
    EXPECT_EQ(read->window, 60s);
    EXPECT_EQ(read->top, 3U);
}

TEST(TenantQuery, KnowsEachOrderByItsName) {
    for (std::size_t i = 0; i != tenant_orders; ++i) {
        const auto order = static_cast<tenant_order>(i);
        const auto read = read_tenant_query("sort=" + std::string(name_of(order)));
        ASSERT_TRUE(read) << name_of(order);
        EXPECT_EQ(read->sort, order);
    }
}

TEST(TenantQuery, SaysInOneLineWhatWouldBeValid) {
    const auto wrong = [](std::string_view query) {
        const auto read = read_tenant_query(query);
        return read ? "accepted" : read.error();
    };

    EXPECT_EQ(wrong("sort=size"),
              "sort 'size' is none of cpu, compute, wait, throttled, blocking, disk, io, depth, "
              "lag, oldest, tasks, satisfaction");
    EXPECT_EQ(wrong("sort"), wrong("sort="));
    EXPECT_EQ(wrong("window=0"), "window '0' is no number from 1 to 60");
    EXPECT_EQ(wrong("window=61"), "window '61' is no number from 1 to 60");
    EXPECT_EQ(wrong("window=1s"), "window '1s' is no number from 1 to 60");
    EXPECT_EQ(wrong("top=10001"), "top '10001' is no number from 1 to 10000");
    EXPECT_EQ(wrong("sort=cpu&limit=3"), "option 'limit' is none of sort, window, top");
    EXPECT_EQ(wrong(std::string(100, 'x')),
              "option '" + std::string(40, 'x') + "' is none of sort, window, top");
}

}  // namespace
}  // namespace drama
